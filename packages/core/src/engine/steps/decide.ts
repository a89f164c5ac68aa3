/** What is to be done, and whether it may be done: reconcile, then the guards over the whole plan, before the first byte changes. */
import { alignNames } from '../../reconcile/align-names.ts';
import type { Ancestor, AncestorChange } from '../../reconcile/ancestor.ts';
import { applyAncestorChanges } from '../../reconcile/apply-ancestor.ts';
import type { Change } from '../../reconcile/change.ts';
import { contentRequests } from '../../reconcile/content-requests.ts';
import { findHalts } from '../../reconcile/guards.ts';
import { heldEntries } from '../../reconcile/held.ts';
import type { Conflict, Plan, Side } from '../../reconcile/plan.ts';
import type { ClockRelation, Policy } from '../../reconcile/policy.ts';
import { reconcile } from '../../reconcile/reconcile.ts';
import { type OpenedPlan, openSealed } from '../../reconcile/sealed-plan.ts';
import { withinScope } from '../../reconcile/within-scope.ts';
import { compileScope } from '../../scope/compile-scope.ts';
import { mergeFolding } from '../../scope/fold.ts';
import { compilePatterns } from '../../scope/pattern.ts';
import { compilePermissionMasks } from '../../scope/permission-masks.ts';
import type { Folding } from '../../scope/rules.ts';
import type { Entry } from '../../tree/entry.ts';
import { isWithin, parentPath, type RelativePath } from '../../tree/path.ts';
import type { Snapshot } from '../replica.ts';
import type { SyncHalt } from '../report.ts';
import type { SyncRun } from '../run-sync.ts';
import type { SyncSettings } from '../sync-settings.ts';
import { type AgreedStart, agreeStart } from './agree-start.ts';
import { measureClocks } from './measure-clocks.ts';
import type { Met } from './meet.ts';
import type { ReportBuilder } from './report-builder.ts';
import { type Sealed, whyDrifted } from './seal-plan.ts';
import type { Surveyed } from './survey.ts';
import { takeOverSettings } from './take-over-settings.ts';

/** What is to be carried out. */
export interface Decision extends Pick<Plan, 'ancestorChanges' | 'alphaChanges' | 'betaChanges'> {
  /** For the name of a kept loser: the path whose content it is. */
  readonly copiesOf: ReadonlyMap<RelativePath, RelativePath>;
  /** What each side holds where it is not changed, for the ancestor: what was scanned, or is to count as agreed. */
  readonly trees: Trees;
  readonly generation: number;
  readonly newSettings: AgreedStart['newSettings'];
  /** The run that is undone, if that is what this is. */
  readonly undoes?: string | undefined;
}

export interface Decided extends Plan, Decision {
  /** As it was decided by: under the settings of this run. */
  readonly ancestor: Ancestor | undefined;
  readonly head: AgreedStart['head'];
  readonly halt?: SyncHalt | undefined;
}

type Trees = Readonly<Record<Side, Entry | undefined>>;

/** `sealed`: the plan that was decided on before. It is opened instead; what a new plan would have besides is left. `SYNC_PLAN_DRIFTED`. */
export async function decide(options: SyncRun, met: Met, surveyed: Surveyed, report: ReportBuilder, sealed?: Sealed): Promise<Decided> {
  const start = await agreeStart(options, met, surveyed, report);
  options.onEvent?.({ type: 'phase', name: 'reconcile' });
  const isDecided = start.halt !== undefined || start.isAtRest;
  const trees = isDecided ? noTrees : await treesOf(surveyed, start.ancestor);
  const { whole, ancestor, takenOver } = isDecided ? { ...nothing, ancestor: start.ancestor } : await planOf(options, { ...surveyed, trees }, start);
  const opened = sealed === undefined || isDecided ? undefined : openSealed(sealed.plan, { ancestor, ...trees });
  const { plan, left } = opened === undefined ? selectPaths(whole, options.paths) : insteadOf(whole, opened);
  report.planned({
    changes: [
      ...plan.alphaChanges.map((change) => ({ side: 'alpha' as const, change })),
      ...plan.betaChanges.map((change) => ({ side: 'beta' as const, change })),
    ],
    conflicts: plan.conflicts,
    problems: plan.problems,
    held: start.ancestor === undefined ? [] : heldEntries(start.ancestor),
  });
  // The guards look at the whole plan, whatever part of it was selected; of a sealed one that is what was sealed.
  const halt = start.halt ?? unmarkedHalt(options, surveyed.snapshots) ?? planHalt(options, { ...surveyed, trees }, start, opened ?? whole);
  if (sealed !== undefined && opened !== undefined) {
    // What stops every plan is told first.
    if (halt === undefined && opened.drifted.length > 0) throw whyDrifted(sealed, opened.drifted, options, start);
    report.sealed(sealed, left.filter(({ to }) => to === undefined).length);
  }
  if (halt === undefined && start.settingsNotice !== undefined) report.notice(start.settingsNotice);
  return {
    ...plan,
    ancestorChanges: [...takenOver, ...plan.ancestorChanges],
    copiesOf: opened?.copiesOf ?? new Map(plan.conflicts.flatMap(({ path, keptAs }) => (keptAs === undefined ? [] : [[keptAs, path] as const]))),
    trees,
    ancestor,
    head: start.head,
    generation: start.generation,
    newSettings: start.newSettings,
    halt,
  };
}

const noTrees: Trees = { alpha: undefined, beta: undefined };

/** A tree that did not change is still needed where the other one did. From here on a name has one spelling. */
export async function treesOf({ snapshots }: Surveyed, ancestor: AgreedStart['ancestor']): Promise<Trees> {
  const treeOf = ({ root, unchanged }: Snapshot): Promise<Entry | undefined> => (unchanged === undefined ? Promise.resolve(root) : unchanged());
  const [alpha, beta] = await Promise.all([treeOf(snapshots.alpha), treeOf(snapshots.beta)]);
  return alignNames({ ancestor, alpha, beta, folding: { alpha: snapshots.alpha.folding, beta: snapshots.beta.folding } });
}

type Found = Surveyed & { readonly trees: Trees };

/** A plan, and what it was made from. */
interface Planned {
  readonly whole: Plan;
  readonly ancestor: Ancestor | undefined;
  /** To be remembered first, whatever is selected of the plan. */
  readonly takenOver: readonly AncestorChange[];
}

const nothing: Planned = {
  whole: { ancestorChanges: [], alphaChanges: [], betaChanges: [], conflicts: [], problems: [] },
  ancestor: undefined,
  takenOver: [],
};

/** Clocks are compared only where they decide: asking costs round trips, and most runs have no conflict. */
async function planOf(options: SyncRun, { snapshots, trees, scope }: Found, start: AgreedStart): Promise<Planned> {
  const folding = { alpha: snapshots.alpha.folding, beta: snapshots.beta.folding };
  const both = mergeFolding(folding.alpha, folding.beta);
  const policy = policyOf(options, both);
  const { includes } = compileScope(scope, { folding: both });
  const inScope = (path: RelativePath): boolean => includes(path, 'other');
  const { first } = start;
  const takenOver = takeOverSettings(start, trees, { settings: options.settings, folding: both });
  const ancestor = start.ancestor && applyAncestorChanges(start.ancestor, takenOver);
  const decideWith = (clock: ClockRelation | undefined): Plan => reconcile({ ancestor, first, ...trees, policy, clock, folding, inScope });
  const unmeasured = decideWith({ offsetMs: 0, uncertaintyMs: Number.POSITIVE_INFINITY });
  const isMeasured = unmeasured.conflicts.some(({ clock }) => clock !== undefined);
  return { whole: isMeasured ? decideWith(await measureClocks(options.alpha, options.beta)) : unmeasured, ancestor, takenOver };
}

function policyOf({ settings, names, hosts = names, first, clock }: SyncRun, folding: Folding): Policy {
  return {
    conflicts: settings.conflicts,
    onTie: settings.onTie,
    first,
    direction: settings.direction,
    paths: settings.policies.map(({ match, conflicts, direction }) => ({ match: compilePatterns([match], folding), conflicts, direction })),
    masks: compilePermissionMasks(settings, folding),
    naming: { alpha: hosts.alpha, beta: hosts.beta, date: new Date(clock.nowMs()).toISOString().slice(0, 10) },
  };
}

/** What is to be done, and what a whole plan has besides. */
interface Selection {
  readonly plan: Plan;
  readonly left: readonly Change[];
}

/** What was sealed is done in place of what would be decided now. Only what is there by itself is remembered as it is found now. */
function insteadOf(whole: Plan, { alphaChanges, betaChanges, conflicts, problems }: OpenedPlan): Selection {
  const done = new Set([...alphaChanges, ...betaChanges].map(({ path }) => path));
  // A conflict that is settled by the sealed plan needs no other copy of its loser.
  for (const { path, keptAs } of whole.conflicts) if (keptAs !== undefined && done.has(path)) done.add(keptAs);
  const left = [...whole.alphaChanges, ...whole.betaChanges].filter(({ path }) => !done.has(path));
  return { plan: { ancestorChanges: agreedWithout(left, whole), alphaChanges, betaChanges, conflicts, problems }, left };
}

/** The changes at or below the paths, and the folders that have to be made for them. Of what moves, either path selects both. */
function selectPaths(plan: Plan, paths: readonly RelativePath[] | undefined): Selection {
  if (paths === undefined || paths.length === 0) return { plan, left: [] };
  const isAsked = (path: RelativePath): boolean => paths.some((wanted) => isWithin(path, wanted));
  const moving = new Set<RelativePath>();
  const above = new Set<RelativePath>();
  for (const { path, from } of [...plan.alphaChanges, ...plan.betaChanges]) {
    if (from === undefined || !(isAsked(path) || isAsked(from.path))) continue;
    moving.add(path).add(from.path);
    for (let parent = parentPath(path); parent !== undefined && !above.has(parent); parent = parentPath(parent)) above.add(parent);
  }
  const selected = (path: RelativePath): boolean => moving.has(path) || isAsked(path);
  const onTheWay = ({ path, new: next }: Change): boolean =>
    next?.kind === 'directory' && (above.has(path) || paths.some((wanted) => isWithin(wanted, path)));
  // The copy of a loser belongs to its conflict, whatever its name is.
  const copies = new Set(plan.conflicts.filter(({ path }) => selected(path)).map(({ keptAs }) => keptAs));
  const select = (changes: readonly Change[]): readonly Change[] =>
    changes.filter((change) => selected(change.path) || copies.has(change.path) || onTheWay(change));
  const [alphaChanges, betaChanges] = [select(plan.alphaChanges), select(plan.betaChanges)];
  const taken = new Set([...alphaChanges, ...betaChanges]);
  const left = [...plan.alphaChanges, ...plan.betaChanges].filter((change) => !taken.has(change));
  return {
    plan: {
      ancestorChanges: agreedWithout(left, plan),
      alphaChanges,
      betaChanges,
      conflicts: plan.conflicts.filter(({ path }: Conflict) => selected(path)),
      problems: plan.problems.filter(({ path }) => selected(path)),
    },
    left,
  };
}

/**
 * What is agreed by itself is taken as a whole: it changes no tree, and a folder may be needed by what is below it. But what belongs to a change that is not made
 * waits for it; and a folder that is let go of on one side takes with it what is below it, so that waits until the deletions in it are made, too.
 */
function agreedWithout(left: readonly Change[], { ancestorChanges }: Plan): readonly AncestorChange[] {
  if (left.length === 0) return ancestorChanges;
  const open = new Set(left.map(({ path }) => path));
  return ancestorChanges.filter((change) => !open.has(change.path) && !(isLetGo(change) && left.some(({ path }) => isWithin(path, change.path))));
}

/** Whether one side gives a path up and the other keeps it: a folder that stays for what is out of scope in it. */
export function isLetGo({ alpha, beta }: AncestorChange): boolean {
  return (alpha === undefined) !== (beta === undefined);
}

/** A marker that was there when the replicas met and is gone now: the root was unmounted or replaced under the scan. */
export function unmarkedHalt({ dryRun, names, allow }: SyncRun, snapshots: Readonly<Record<Side, Snapshot>>): SyncHalt | undefined {
  if (dryRun || allow?.has('marker-missing')) return undefined;
  const side = (['alpha', 'beta'] as const).find((name) => !snapshots[name].marked);
  return side && { reason: 'marker-missing', side, message: `the marker of ${names[side]} went away while it was scanned`, overridable: true };
}

function planHalt(options: SyncRun, { snapshots, trees, scope }: Found, { ancestor, newSettings }: AgreedStart, plan: Plan): SyncHalt | undefined {
  const { settings, names, allow } = options;
  const folding = mergeFolding(snapshots.alpha.folding, snapshots.beta.folding);
  const found = findHalts({
    // What only left the scope is not gone.
    ancestor: ancestor && newSettings !== undefined ? withinScope(ancestor, compileScope(scope, { folding })) : ancestor,
    ...trees,
    plan,
    limits: limitsOf(settings),
    include: settings.scope.include,
  });
  const halt = found.find(({ reason }) => !allow?.has(reason));
  if (halt !== undefined) return { ...halt, message: `${halt.message} (${names[halt.side]})`, overridable: true };
  for (const side of ['alpha', 'beta'] as const) {
    const needed = contentRequests(side === 'alpha' ? plan.alphaChanges : plan.betaChanges).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const free = snapshots[side].freeBytes;
    if (needed > 0 && needed * 1.01 > free) {
      return {
        reason: 'no-space',
        side,
        message: `${names[side]} has ${free} bytes free, and the plan needs ${Math.ceil(needed * 1.01)}`,
        overridable: false,
      };
    }
  }
  return undefined;
}

function limitsOf({ maxDelete, maxChange }: SyncSettings): Pick<SyncSettings, 'maxDelete' | 'maxChange'> {
  return { maxDelete, maxChange };
}

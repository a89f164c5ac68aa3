/** Sealed plans: kept at the end of a dry run, read again before anything else, and refused where the world has moved on. */
import { type Drift, type SealedPlan, sealPlan, turnSealed } from '../../reconcile/sealed-plan.ts';
import { SyncError } from '../errors.ts';
import { encodePlanForm, type PlanForm, parsePlanForm, toPlanSettings } from '../plan-form.ts';
import type { PlanName } from '../plan-store.ts';
import type { SyncOptions, SyncRun } from '../run-sync.ts';
import { canonicalJson, toPairSettings } from '../sync-settings.ts';
import type { AgreedStart } from './agree-start.ts';
import type { Decided } from './decide.ts';
import type { Met } from './meet.ts';
import type { ReportBuilder } from './report-builder.ts';

/** A plan that was kept, as it is written. */
export interface Kept extends PlanName {
  readonly form: PlanForm;
}

/** The same for this run: its sides are those of the run. */
export interface Sealed extends PlanName {
  readonly plan: SealedPlan;
  readonly archive: PlanForm['archive'];
}

/** The plan that this run is to apply, if it is to apply one. `SYNC_PLAN_UNKNOWN`, `SYNC_PLAN_DAMAGED`. */
export async function readPlan({ plan, plans, paths, first }: SyncOptions): Promise<Kept | undefined> {
  if (plan === undefined) return undefined;
  if (plans === undefined) throw new TypeError('a plan is looked for in `plans`');
  if ((paths !== undefined && paths.length > 0) || first !== undefined) throw new TypeError('a sealed plan has been selected and decided already');
  const { id, hash, text } = await plans.get(plan);
  const parsed = parsePlanForm(text);
  if (parsed.ok) return { id, hash, form: parsed.value };
  throw new SyncError('SYNC_PLAN_DAMAGED', `plan ${id} cannot be read: ${parsed.error}`, { plan: id });
}

/** A plan is for one pair, and for the settings under which it was looked at. `SYNC_PLAN_UNKNOWN`, `SYNC_PLAN_DRIFTED`. */
export function mustBeFor({ id, hash, form }: Kept, { settings, names }: SyncRun, { ids, pair, turned }: Met): Sealed {
  const { alpha, beta } = ids;
  if (pair === undefined || alpha === undefined || beta === undefined || canonicalJson(pair) !== canonicalJson(form.pair)) {
    throw new SyncError('SYNC_PLAN_UNKNOWN', `plan ${id} was not made for ${names.alpha} and ${names.beta} under this profile`, {
      plan: id,
      hint: 'name the node and the config that the plan was made with, or make a new plan',
    });
  }
  const now = toPlanSettings(toPairSettings(settings, { alpha, beta }));
  const differing = [...new Set([...Object.keys(now), ...Object.keys(form.settings)])]
    .filter((name) => canonicalJson(now[name] ?? null) !== canonicalJson(form.settings[name] ?? null))
    .sort();
  if (differing.length > 0) {
    throw new SyncError('SYNC_PLAN_DRIFTED', `plan ${id} was made under other settings: ${differing.join(', ')}`, { plan: id, settings: differing });
  }
  return { id, hash, plan: turned ? turnSealed(form.plan) : form.plan, archive: form.archive };
}

/** Keeps the plan of a dry run, if it has changes. A plan is for a pair, so there is none before both replicas have an id. */
export async function seal({ plans, settings }: SyncRun, { ids, pair, turned }: Met, decided: Decided, report: ReportBuilder): Promise<void> {
  if (plans === undefined || decided.alphaChanges.length + decided.betaChanges.length === 0) return;
  const { alpha, beta } = ids;
  const unkept = (why: string): void => report.notice({ code: 'SYNC_PLAN_UNKNOWN', message: `this plan has no id: ${why}` });
  if (pair === undefined || alpha === undefined || beta === undefined) return unkept('the two have never been synced');
  const { trees, ancestor, head } = decided;
  const plan = sealPlan(decided, { ancestor, ...trees });
  const text = encodePlanForm({
    pair,
    archive: head && { generation: head.generation, digest: head.digest },
    settings: toPlanSettings(toPairSettings(settings, { alpha, beta })),
    plan: turned ? turnSealed(plan) : plan,
  });
  if (text === undefined) return unkept('it is too long to be kept');
  const name = await plans.put(text);
  if (name === undefined) return unkept('there is no place to keep it before the first sync');
  report.sealed(name, 0);
}

/** More are counted, not named. */
const namedMax = 1000;
/** In a sentence. */
const toldMax = 5;

export function whyDrifted({ id, archive }: Sealed, drifted: readonly Drift[], { names }: SyncRun, { generation }: AgreedStart): SyncError {
  const told = drifted.slice(0, toldMax).map(({ path, side, found }) => `${path || 'the root'} ${driftWords[found]} ${names[side]}`);
  const more = drifted.length > toldMax ? ` and ${drifted.length - toldMax} more` : '';
  const count = drifted.length === 1 ? 'one path is' : `${drifted.length} paths are`;
  return new SyncError('SYNC_PLAN_DRIFTED', `${count} not as when plan ${id} was made: ${told.join(', ')}${more}`, {
    plan: id,
    paths: [...new Set(drifted.map(({ path }) => path))].slice(0, namedMax),
    drifted: drifted.length,
    madeAtGeneration: archive?.generation ?? 0,
    generation,
  });
}

const driftWords: Readonly<Record<Drift['found'], string>> = {
  created: 'is new on',
  deleted: 'is gone on',
  changed: 'was changed on',
  permissions: 'has other permissions on',
  agreed: 'was synced and changed again since on',
  content: 'is not there any more on',
};

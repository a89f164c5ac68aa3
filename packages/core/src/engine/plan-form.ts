/**
 * The canonical form of a sealed plan: lines of JSON with sorted keys, which people can read. Equal plans have equal forms, byte for byte, whichever end
 * made them; so the SHA-256 of the form is the plan's name, and proves what was looked at.
 *
 *     {"archive":{"digest":"..","generation":12},"format":1,"pair":{"alpha":"..","beta":"..","profile":".."},"settings":{..}}
 *     {"new":NODE,"old":NODE,"path":"..","side":"alpha"}      a change, alpha's first, in their order; also "from", "to", "peer", "was"
 *     {"conflict":"..","reason":"..","resolution":"..","rule":".."}   a conflict that was settled; also "keptAs"
 *
 * Sides are those of the archive: alpha is the replica whose id sorts first. NODE (`tree/node-json.ts`, without times) is `null` where nothing is. `peer` (what the other side has) is left out
 * where it is the same as `new`, `was` (what was agreed on) where it is the same as `old`: so it is with most changes.
 *
 * Not part of it: the time, and for which halts it was allowed, for that is said to the run that applies it; PATHs, for the changes are the selection.
 */
import type { Conflict, ConflictReason, Side } from '../reconcile/plan.ts';
import type { SealedChange, SealedPlan, SettledConflict } from '../reconcile/sealed-plan.ts';
import { canonicalRules } from '../scope/canonical-rules.ts';
import { type Entry, isSyncable, type Syncable, sameNode } from '../tree/entry.ts';
import { nodeToJson, parseNode } from '../tree/node-json.ts';
import { parseRelativePath, type RelativePath } from '../tree/path.ts';
import type { Parsed } from '../util/parsed.ts';
import { utf8Length } from '../util/utf8.ts';
import type { ArchiveHead, PairKey } from './archive-store.ts';
import type { ReplicaId } from './replica.ts';
import type { PairSettings } from './settings.ts';
import { canonicalJson } from './sync-settings.ts';

export interface PlanForm {
  readonly pair: PairKey;
  /** What the pair had last agreed on when the plan was made; `undefined`: nothing yet. It says when that was, and decides nothing. */
  readonly archive: Pick<ArchiveHead, 'generation' | 'digest'> | undefined;
  /** As plain data, since what a later version knows of settings may be another thing. */
  readonly settings: PlanSettings;
  readonly plan: SealedPlan;
}

export type PlanSettings = Readonly<Record<string, unknown>>;

/** A longer form is neither made nor read. */
export const planBytesMax: number = 256 * 1024 ** 2;

/** Settings in the form in which two that decide alike are equal. */
export function toPlanSettings(settings: PairSettings): PlanSettings {
  return { ...settings, scope: canonicalRules(settings.scope) };
}

/** `undefined`: longer than `bytesMax`, in UTF-8. */
export function encodePlanForm({ pair, archive, settings, plan }: PlanForm, bytesMax: number = planBytesMax): string | undefined {
  const lines: string[] = [];
  let bytes = 0;
  const add = (line: string): boolean => {
    bytes += utf8Length(line) + 1;
    return bytes <= bytesMax && lines.push(line) > 0;
  };
  const { alpha, beta, profile } = pair;
  const head = archive && { generation: archive.generation, digest: archive.digest };
  const fits =
    add(canonicalJson({ format, pair: { alpha, beta, profile }, archive: head ?? null, settings })) &&
    plan.changes.alpha.every((change) => add(changeLine('alpha', change))) &&
    plan.changes.beta.every((change) => add(changeLine('beta', change))) &&
    plan.settled.every((conflict) => add(conflictLine(conflict)));
  return fits ? `${lines.join('\n')}\n` : undefined;
}

/** Takes only what {@link encodePlanForm} makes, to the byte. Never throws. */
export function parsePlanForm(text: string): Parsed<PlanForm> {
  const [first = '', ...rest] = text.split('\n');
  try {
    const header = parseHeader(JSON.parse(first));
    const changes: Record<Side, SealedChange[]> = { alpha: [], beta: [] };
    const settled: SettledConflict[] = [];
    for (const line of rest.slice(0, -1)) {
      const fields = asFields(JSON.parse(line));
      if ('conflict' in fields) settled.push(parseConflict(fields));
      else changes[oneOf(sides, fields['side'])].push(parseChange(fields));
    }
    const form = { ...header, plan: { changes, settled } };
    // Whatever else a line said, or in another order, is not the plan's.
    return encodePlanForm(form) === text ? { ok: true, value: form } : wrong('it is not in canonical form');
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error));
  }
}

const format = 1;
const sides: readonly Side[] = ['alpha', 'beta'];

function wrong(error: string): { readonly ok: false; readonly error: string } {
  return { ok: false, error };
}

// The keys of what follows are in their order, for a plan can have many lines; `undefined` is left out.

function changeLine(side: Side, { path, old, new: next, peer, was, from, to }: SealedChange): string {
  return JSON.stringify({
    from: from && { entry: nodeData(from.entry), path: from.path },
    new: nodeData(next),
    old: nodeData(old),
    path,
    peer: sameNode(peer, next) ? undefined : nodeData(peer),
    side,
    to,
    was: sameNode(was, old) ? undefined : nodeData(was),
  });
}

function conflictLine({ path, reason, rule, resolution, keptAs }: SettledConflict): string {
  return JSON.stringify({ conflict: path, keptAs, reason, resolution, rule });
}

function nodeData(entry: Entry | undefined): object | null {
  return entry === undefined ? null : nodeToJson(entry, 'no-times');
}

// What follows throws on what is wrong, and is caught by `parsePlanForm`.

type Fields = Readonly<Record<string, unknown>>;

function parseHeader(value: unknown): Omit<PlanForm, 'plan'> {
  const { format: found, pair, archive, settings } = asFields(value);
  if (found !== format) throw new Error(`it has format ${String(found)}, and this program knows ${format}`);
  const { alpha, beta, profile } = asFields(pair);
  const head = archive === null ? undefined : asFields(archive);
  return {
    pair: { alpha: asText(alpha) as ReplicaId, beta: asText(beta) as ReplicaId, profile: asText(profile) },
    archive: head && { generation: asCount(head['generation']), digest: asText(head['digest']) },
    settings: asFields(settings),
  };
}

function parseChange(fields: Fields): SealedChange {
  const { path, from, to } = fields;
  const [old, next] = [syncableNode(fields['old']), syncableNode(fields['new'])];
  const source = from === undefined ? undefined : asFields(from);
  const moved = source && syncableNode(source['entry']);
  return {
    path: asPath(path),
    old,
    new: next,
    peer: 'peer' in fields ? asNode(fields['peer']) : next,
    was: 'was' in fields ? asNode(fields['was']) : old,
    ...(source && moved && { from: { path: asPath(source['path']), entry: moved } }),
    ...(to !== undefined && { to: asPath(to) }),
  };
}

function parseConflict({ conflict, reason, rule, resolution, keptAs }: Fields): SettledConflict {
  return {
    path: asPath(conflict),
    reason: oneOf(reasons, reason),
    rule: asText(rule),
    resolution: oneOf(resolutions, resolution),
    ...(keptAs !== undefined && { keptAs: asPath(keptAs) }),
  };
}

const reasons: readonly ConflictReason[] = ['content', 'tie', 'first-sync', 'kinds', 'untracked', 'direction', 'names-collide'];
const resolutions: readonly Conflict['resolution'][] = ['alpha', 'beta', 'keep-both'];

function syncableNode(value: unknown): Syncable | undefined {
  const node = asNode(value);
  if (node !== undefined && !isSyncable(node)) throw new Error(`a ${node.kind} entry cannot be made`);
  return node;
}

function asNode(value: unknown): Entry | undefined {
  if (value === null) return undefined;
  const node = parseNode(value, 'no-times');
  if (!node.ok) throw new Error(node.error);
  return node.value;
}

function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('an object is missing');
  return value as Fields;
}

function asText(value: unknown): string {
  if (typeof value !== 'string') throw new Error('a text is missing');
  return value;
}

function asCount(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Error('a number is missing');
  return value;
}

function asPath(value: unknown): RelativePath {
  const parsed = parseRelativePath(asText(value));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function oneOf<T extends string>(words: readonly T[], value: unknown): T {
  const word = words.find((known) => known === value);
  if (word === undefined) throw new Error(`${String(value)} is not known here`);
  return word;
}

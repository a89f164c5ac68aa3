/** Somebody does something at one path after a run was cut off, and what it has to come to. */
import { errnoError, isErrno } from '../../engine/errno.ts';
import type { Side } from '../../reconcile/plan.ts';
import type { Random } from '../../testing/random.ts';
import { movedEdits, renamed } from './mixed-plan.ts';
import type { SimulatedPair } from './simulated-pair.ts';

export interface EditAfter {
  readonly side: Side;
  readonly path: string;
  /** `saves` as an editor does, with a new file; `edits` in the file that is there. */
  readonly what: 'edits' | 'saves' | 'deletes' | 'puts back';
  /** What is written. */
  readonly text: string;
}

/** Two sides as their user meets them, on whatever disk. */
export type FoundPair = Pick<SimulatedPair, 'user' | 'tree'>;

export interface EditsAfter {
  /** `undefined`: nothing that could be done there. */
  any(pair: FoundPair, random: Random): EditAfter | undefined;
  /** `false`: a folder above it is none there. */
  make(edit: EditAfter, pair: FoundPair): boolean;
  /**
   * What the two trees may be after the next run, as `treesText` writes them: the edit is made to what the run left, where that is what he found, or to what was
   * there before, where that is; of what is renamed for one side and edited by the other also to what is there between the two. Nothing: it is none of these.
   */
  outcomesOf(edit: EditAfter, pair: FoundPair): Promise<readonly string[]>;
}

/** `before`: as both sides were before the run that was cut off. `expected`: as an undisturbed run leaves them. */
export function createEditsAfter({ before, expected }: { readonly before: SimulatedPair; readonly expected: SimulatedPair }): EditsAfter {
  let inBetween: Promise<SimulatedPair> | undefined;
  return {
    any: (pair, random) => anyEdit(pair, before, expected, random),
    make: makeEdit,
    async outcomesOf(edit, pair) {
      if (hasTwoNames(edit, pair)) return [];
      inBetween ??= afterRename(before);
      const there = statesAt(pair, edit);
      const worlds = [expected, before, ...(movedEdits.includes(edit.path) ? [await inBetween] : [])];
      const outcomes: string[] = [];
      for (const world of worlds.filter((each) => statesAt(each, edit) === there)) {
        const played = world.killed();
        if (!makeEdit(edit, played)) continue;
        await played.sync();
        outcomes.push(treesText(played));
      }
      return outcomes;
    },
  };
}

/** As a run leaves them that has renamed everything, and not brought the edit of what it has renamed. */
async function afterRename(before: SimulatedPair): Promise<SimulatedPair> {
  const pair = before.killed();
  await pair.sync({
    onCall(side, { toPath = '' }) {
      if (side === 'alpha' && movedEdits.some((path) => toPath.endsWith(`/${path}`))) throw errnoError('EIO', 'injected');
    },
  });
  return pair;
}

function hasTwoNames({ side, path }: EditAfter, { user }: FoundPair): boolean {
  return renamed.some((names) => names.includes(path) && names.every((name) => user[side].isThere(name)));
}

export function treesText(pair: Pick<SimulatedPair, 'tree'>): string {
  return `${pair.tree('alpha').join('\n')}\n---\n${pair.tree('beta').join('\n')}`;
}

function anyEdit(pair: FoundPair, before: FoundPair, expected: FoundPair, random: Random): EditAfter | undefined {
  const side = random.pick(['alpha', 'beta'] as const);
  const what = random.pick(['edits', 'saves', 'deletes', 'puts back'] as const);
  const old = files(before, side);
  const now = files(pair, side);
  // What has changed at this side already, or is to: elsewhere a run does nothing.
  const after = files(expected, side);
  const candidates = [...new Set([...old.keys(), ...now.keys()])].filter(
    (path) => old.get(path) !== after.get(path) && (what === 'puts back' ? old.has(path) && now.get(path) !== old.get(path) : now.has(path)),
  );
  if (candidates.length === 0) return undefined;
  const path = random.pick(candidates);
  return { side, what, path, text: what === 'puts back' ? (old.get(path) ?? '') : 'edited after the crash' };
}

function files({ tree }: FoundPair, side: Side): ReadonlyMap<string, string> {
  return new Map(
    tree(side).flatMap((line) => {
      const [, path, text] = /^(\S+) [0-7]+ (.*)$/s.exec(line) ?? [];
      return path === undefined || text === undefined ? [] : [[path, text]];
    }),
  );
}

function makeEdit(edit: EditAfter, pair: FoundPair): boolean {
  try {
    applyEdit(edit, pair);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}

function applyEdit({ side, path, what, text }: EditAfter, pair: FoundPair): void {
  const user = pair.user[side];
  if (what === 'deletes') user.remove(path);
  else user.write(path, text, { inPlace: what === 'edits' });
}

/** What is at a path and below it, as far as it is a file or folder. */
function statesAt(pair: FoundPair, { side, path }: EditAfter): string {
  return pair
    .tree(side)
    .filter((line) => line.startsWith(`${path} `) || line.startsWith(`${path}/`))
    .join('\n');
}

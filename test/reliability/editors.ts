/**
 * People at work on both sides while runs go on, as editors, git and rm do it: each action in the single steps in which it reaches the disk, so that a run may
 * fall between any two of them. Every content is written once, and it is known what became of it.
 *
 * The promise: a content whose file was closed before a run began is there afterwards (in a tree, among the versions, in the copy of a conflict), unless
 * somebody who had it before him has overwritten or removed it.
 */
import type { Random } from '@ubos/sync-core/testing';
import type { FoundPair } from '../../packages/core/src/fs/test-support/edits-after.ts';

type Side = 'alpha' | 'beta';

export interface Editors {
  /** The next step of somebody. */
  step(): void;
  /** Whether somebody is in the middle of something. */
  readonly isBusy: boolean;
  /** Called before each run: what has been closed by now is what the run has to keep. */
  runBegins(): void;
  readonly closedCount: number;
  /** Contents that a run had to keep and that are in none of these places. */
  lost(places: Iterable<string>): readonly string[];
  /** Where a file in the folder of one side alone was found otherwise than it was left there: a run has changed what nobody else has edited. */
  readonly disturbed: readonly string[];
  /** Looks at all of these folders, too. */
  look(): void;
  /** Contents that were closed during a run, and that it overwrote in the moment between its last look and its rename. */
  overtaken(places: Iterable<string>): readonly string[];
}

const sharedPaths = ['shared/a.md', 'shared/b.md', 'shared/deep/c.md'];
const ownPaths = Array.from({ length: 6 }, (_, index) => `${index % 2}/${index}.md`);
const repository = Array.from({ length: 5 }, (_, index) => `repo/src/${index}.ts`);

/** The folder in which only this side works. */
export const ownFolder: Readonly<Record<Side, string>> = { alpha: 'mine', beta: 'yours' };

export function createEditors(user: FoundPair['user'], random: Random): Editors {
  const closed = new Set<string>();
  const hadBefore = new Set<string>();
  const toKeep = new Set<string>();
  const underWay: Record<Side, (() => void)[]> = { alpha: [], beta: [] };
  let count = 0;

  /** Files in the folders of one side alone, as they were left. */
  const left: Record<Side, Map<string, string>> = { alpha: new Map(), beta: new Map() };
  const disturbed: string[] = [];

  const check = (side: Side, path: string): string | undefined => {
    const text = user[side].isThere(path) ? user[side].read(path) : undefined;
    if (path.startsWith(`${ownFolder[side]}/`) && text !== left[side].get(path))
      disturbed.push(`${side} left ${brief(left[side].get(path))} at ${path} and finds ${brief(text)}`);
    return text;
  };
  /** Whoever overwrites or removes a file has what is in it before him. */
  const see = (side: Side, path: string): string | undefined => {
    const text = check(side, path);
    if (text !== undefined) hadBefore.add(text);
    return text;
  };
  const newText = (): string => `content ${++count}\n${'x'.repeat(random.below(200))}`;

  const write = (side: Side, path: string, text: string, inPlace = false): void => {
    see(side, path);
    user[side].write(path, text, { inPlace });
    left[side].set(path, text);
  };
  const save = (side: Side, path: string, text = newText()): void => {
    write(side, path, text);
    closed.add(text);
  };
  const remove = (side: Side, path: string): void => {
    if (see(side, path) !== undefined) user[side].remove(path);
    left[side].delete(path);
  };
  const putAside = (side: Side, path: string): void => {
    const aside = `${path}.old`;
    const text = check(side, path);
    if (text === undefined) return;
    see(side, aside);
    user[side].rename(path, aside);
    left[side].set(aside, text);
    left[side].delete(path);
  };

  /** Each in steps; what is between two of them is on the disk for a while. */
  const actions: readonly ((side: Side, path: string) => readonly (() => void)[])[] = [
    // A new file beside, renamed over.
    (side, path) => [() => save(side, path)],
    (side, path) => [() => save(side, path)],
    // Emptied, half written, closed.
    (side, path) => {
      const text = newText();
      return [
        () => write(side, path, '', true),
        () => write(side, path, text.slice(0, text.length / 2), true),
        () => {
          write(side, path, text, true);
          closed.add(text);
        },
      ];
    },
    // Removed, made anew.
    (side, path) => [() => remove(side, path), () => save(side, path)],
    // The old one put aside, and away when the new one is there.
    (side, path) => [() => putAside(side, path), () => save(side, path), () => remove(side, `${path}.old`)],
    (side, path) => [() => remove(side, path)],
    // git checkout: each file of a branch removed and written.
    (side) => repository.flatMap((path) => [() => remove(side, `${ownFolder[side]}/${path}`), () => save(side, `${ownFolder[side]}/${path}`)]),
    // rm -rf
    (side) => {
      const folder = `${ownFolder[side]}/${random.below(2) === 0 ? 'repo' : '1'}`;
      const paths = [...ownPaths, ...repository].map((path) => `${ownFolder[side]}/${path}`).filter((path) => path.startsWith(`${folder}/`));
      return [...paths.map((path) => () => remove(side, path)), () => removeFolder(side, folder)];
    },
  ];

  const removeFolder = (side: Side, folder: string): void => {
    if (!user[side].isThere(folder)) return;
    for (const path of left[side].keys()) if (path.startsWith(`${folder}/`)) remove(side, path);
    user[side].remove(folder);
  };

  const missing = (wanted: Iterable<string>, places: Iterable<string>): readonly string[] => {
    const there = new Set(places);
    return [...wanted].filter((text) => !hadBefore.has(text) && !there.has(text));
  };

  return {
    step() {
      const side = random.pick(['alpha', 'beta'] as const);
      if (underWay[side].length === 0) {
        const path = random.below(8) === 0 ? random.pick(sharedPaths) : `${ownFolder[side]}/${random.pick(ownPaths)}`;
        underWay[side].push(...random.pick(actions)(side, path));
      }
      underWay[side].shift()?.();
    },
    get isBusy() {
      return underWay.alpha.length + underWay.beta.length > 0;
    },
    runBegins() {
      for (const side of ['alpha', 'beta'] as const) for (const text of user[side].contents()) if (closed.has(text)) toKeep.add(text);
    },
    disturbed,
    look() {
      for (const side of ['alpha', 'beta'] as const)
        for (const name of [...ownPaths, ...repository]) for (const path of [name, `${name}.old`]) check(side, `${ownFolder[side]}/${path}`);
    },
    get closedCount() {
      return closed.size;
    },
    lost: (places) => missing(toKeep, places),
    overtaken: (places) =>
      missing(
        [...closed].filter((text) => !toKeep.has(text)),
        places,
      ),
  };
}

function brief(text: string | undefined): string {
  return text === undefined ? 'nothing' : `"${text.slice(0, 20)}"`;
}

import type { RelativePath } from '../tree/path.ts';
import { foldName } from './fold.ts';
import { type Alternative, compileGlob } from './glob.ts';
import { exactNames, type Folding } from './rules.ts';

/** A list of gitignore-like patterns, compiled. */
export interface PatternSet {
  readonly patterns: readonly string[];
  /**
   * Index of the last pattern that matches the path or a folder above it, -1 if none does. A `!` in front changes nothing here:
   * `patterns[index]` has it still, and the caller knows what it means.
   */
  lastMatch(path: RelativePath, kind: 'directory' | 'other'): number;
}

/** Names are folded as `folding` says, patterns likewise. Throws a `TypeError` on a pattern that `patternProblem` names. */
export function compilePatterns(patterns: readonly string[], folding: Folding = exactNames): PatternSet {
  const list = compileList(patterns, folding);
  return {
    patterns,
    lastMatch(path, kind) {
      const folded = foldName(path, folding);
      let last = list.lastMatchOf(folded, kind, -1);
      for (let slash = folded.lastIndexOf('/'); slash !== -1; slash = folded.lastIndexOf('/', slash - 1)) {
        last = list.lastMatchOf(folded.slice(0, slash), 'directory', last);
      }
      return last;
    },
  };
}

/** What scopes are made of: the same list, asked about one entry at a time, folders above it not considered. */
export interface PatternList {
  /** Index of the last pattern after `above` that matches this very entry and is `eligible`; `above` if none does. */
  lastMatchOf(foldedPath: string, kind: 'directory' | 'other', above: number, eligible?: (pattern: Alternative, index: number) => boolean): number;
  isNegated(index: number): boolean;
  /** Whether a pattern after `above` with a `!` may be about something below this directory, by the folders that it spells out. */
  liftsBelow(foldedDirectory: string, above: number): boolean;
  /** Whether something below this directory may match one of the patterns. */
  leadsBelow(foldedDirectory: string): boolean;
}

/** Patterns without wildcards are found by their last name in one look-up; only the others are tried one after the other, the last first. */
export function compileList(patterns: readonly string[], folding: Folding): PatternList {
  const globs = patterns.map((pattern) => compileGlob(pattern, folding));
  // Those with wildcards are under `undefined`.
  const byLastName = new Map<string | undefined, Indexed[]>();
  for (const [index, { alternatives }] of [...globs.entries()].reverse()) {
    for (const alternative of alternatives) {
      const { literal } = alternative;
      const name = literal?.slice(literal.lastIndexOf('/') + 1);
      const list = byLastName.get(name);
      if (list === undefined) byLastName.set(name, [{ index, alternative }]);
      else list.push({ index, alternative });
    }
  }
  const wild = byLastName.get(undefined);

  // Most lists are empty or all about directories (`node_modules/`), and most entries are files. This halves what a scan's questions cost.
  const concernsFiles = globs.some(({ alternatives }) => alternatives.some(({ directoriesOnly }) => !directoriesOnly));

  return {
    lastMatchOf(path, kind, above, eligible) {
      if (kind !== 'directory' && !concernsFiles) return above;
      const name = path.slice(path.lastIndexOf('/') + 1);
      let last = above;
      // Both lists have the last pattern first, so the first that holds is the one.
      for (const list of [byLastName.get(name), wild]) {
        for (const { index, alternative } of list ?? nothing) {
          if (index <= last) break;
          if (alternative.directoriesOnly && kind !== 'directory') continue;
          if (!alternative.test(alternative.anchored ? path : name)) continue;
          if (eligible !== undefined && !eligible(alternative, index)) continue;
          last = index;
          break;
        }
      }
      return last;
    },
    isNegated: (index) => globs[index]?.negated === true,
    liftsBelow: (directory, above) =>
      globs.slice(above + 1).some((glob) => glob.negated && glob.alternatives.some((pattern) => spellsOut(pattern, directory))),
    leadsBelow: (directory) => globs.some((glob) => glob.alternatives.some((alternative) => alternative.leadsBelow(directory))),
  };
}

/** Whether the folders that a pattern spells out lead to this directory, which is not the root, or through it. */
export function spellsOut({ literalPrefix }: Alternative, foldedDirectory: string): boolean {
  return `${literalPrefix}/`.startsWith(`${foldedDirectory}/`);
}

interface Indexed {
  readonly index: number;
  readonly alternative: Alternative;
}

const nothing: readonly Indexed[] = [];

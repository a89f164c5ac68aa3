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
      for (let slash = folded.lastIndexOf('/'); slash > 0; slash = folded.lastIndexOf('/', slash - 1)) {
        last = Math.max(last, list.lastMatchOf(folded.slice(0, slash), 'directory', last));
      }
      return last;
    },
  };
}

/** What scopes are made of: the same list, asked about one entry at a time, folders above it not considered. */
export interface PatternList {
  /** Index of the last pattern after `above` that matches this very entry and is `eligible`; -1 if none does. */
  lastMatchOf(foldedPath: string, kind: 'directory' | 'other', above: number, eligible?: (index: number) => boolean): number;
  isNegated(index: number): boolean;
  /** Whether pattern `index` may be about something below this directory, by the folders that it spells out. */
  spellsOut(index: number, foldedDirectory: string): boolean;
  /** Whether something below this directory may match one of the patterns. */
  leadsBelow(foldedDirectory: string): boolean;
}

/** Plain names and paths are found in two maps; only patterns with wildcards are tried one after the other, the last first. */
export function compileList(patterns: readonly string[], folding: Folding): PatternList {
  const globs = patterns.map((pattern) => compileGlob(pattern, folding));
  const literalNames: LiteralMap = new Map();
  const literalPaths: LiteralMap = new Map();
  const wild: Indexed[] = [];
  for (let index = globs.length - 1; index >= 0; index--) {
    for (const alternative of globs[index]?.alternatives ?? []) {
      const { literal, anchored } = alternative;
      if (literal === undefined) wild.push({ index, alternative });
      else addLiteral(anchored ? literalPaths : literalNames, literal, { index, alternative });
    }
  }

  return {
    lastMatchOf(path, kind, above, eligible) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      let last = above;
      // Each list has the last pattern first, so the first that holds is the one.
      for (const candidates of [literalNames.get(name), literalPaths.get(path), wild]) {
        for (const { index, alternative } of candidates ?? nothing) {
          if (index <= last) break;
          if (alternative.directoriesOnly && kind !== 'directory') continue;
          if (!alternative.test(alternative.anchored ? path : name)) continue;
          if (eligible !== undefined && !eligible(index)) continue;
          last = index;
          break;
        }
      }
      return last === above ? -1 : last;
    },
    isNegated: (index) => globs[index]?.negated === true,
    spellsOut: (index, directory) =>
      globs[index]?.alternatives.some(({ literalPrefix }) => directory === '' || `${literalPrefix}/`.startsWith(`${directory}/`)) === true,
    leadsBelow: (directory) => globs.some((glob) => glob.alternatives.some((alternative) => alternative.leadsBelow(directory))),
  };
}

interface Indexed {
  readonly index: number;
  readonly alternative: Alternative;
}

type LiteralMap = Map<string, Indexed[]>;

const nothing: readonly Indexed[] = [];

function addLiteral(map: LiteralMap, literal: string, indexed: Indexed): void {
  const list = map.get(literal);
  if (list === undefined) map.set(literal, [indexed]);
  else list.push(indexed);
}

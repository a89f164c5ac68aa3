import type { RelativePath } from '../tree/path.ts';

/** A list of gitignore-like patterns, compiled. */
export interface PatternSet {
  readonly patterns: readonly string[];
  /** Index of the last pattern that matches, -1 if none does. */
  lastMatch(path: RelativePath, kind: 'directory' | 'other'): number;
}

/** Which permission bits count at which path: the mask of the whole tree, and exceptions by pattern. Both ends mask what they scan by these alone. */
import type { Entry } from '../tree/entry.ts';
import { modeUnder, type PermissionMask } from '../tree/mode.ts';
import type { RelativePath } from '../tree/path.ts';
import { compilePatterns } from './pattern.ts';
import { exactNames, type Folding } from './rules.ts';

export interface PermissionRules {
  readonly permissions: PermissionMask;
  /** The last that matches and has a mask wins. */
  readonly policies: readonly PermissionPolicy[];
}

export interface PermissionPolicy {
  /** A pattern; it is about what it matches and all below. */
  readonly match: string;
  /** `undefined`: this policy says nothing of permissions. */
  readonly permissions?: PermissionMask | undefined;
}

/** Compiled rules. Immutable; the answers depend on the path and kind alone. */
export interface PermissionMasks {
  /** The mask of every path, where no pattern says anything else: then no path has to be put together to ask. */
  readonly everywhere: PermissionMask | undefined;
  at(path: RelativePath, kind: 'directory' | 'other'): PermissionMask;
  /** Index of the policy that decides; `undefined`: none does. For `why PATH`. */
  policyAt(path: RelativePath, kind: 'directory' | 'other'): number | undefined;
  /** Text of the rules: equal texts decide alike, in names that are folded alike. */
  readonly canonical: string;
}

/** Names are folded as `folding` says, patterns likewise. Throws a `TypeError` on a pattern that `patternProblem` names. */
export function compilePermissionMasks({ permissions, policies }: PermissionRules, folding: Folding = exactNames): PermissionMasks {
  const exceptions = [...policies.entries()].flatMap(([index, { match, permissions: mask }]) => (mask === undefined ? [] : [{ index, match, mask }]));
  if (exceptions.length === 0) return { everywhere: permissions, at: () => permissions, policyAt: () => undefined, canonical: permissions };
  const patterns = compilePatterns(
    exceptions.map(({ match }) => match),
    folding,
  );
  return {
    everywhere: undefined,
    at: (path, kind) => exceptions[patterns.lastMatch(path, kind)]?.mask ?? permissions,
    policyAt: (path, kind) => exceptions[patterns.lastMatch(path, kind)]?.index,
    canonical: JSON.stringify([permissions, exceptions.map(({ match, mask }) => [match, mask])]),
  };
}

/** An entry that was scanned at one path, as it is to be at another one. Children are not looked at. */
export function entryMoved<E extends Entry>(masks: PermissionMasks | undefined, entry: E, from: RelativePath, to: RelativePath): E {
  if (masks === undefined || masks.everywhere !== undefined || !(entry.kind === 'file' || entry.kind === 'directory')) return entry;
  const kind = entry.kind === 'directory' ? 'directory' : 'other';
  const mode = modeUnder(entry.mode, entry.kind, { from: masks.at(from, kind), to: masks.at(to, kind) });
  return mode === entry.mode ? entry : { ...entry, mode };
}

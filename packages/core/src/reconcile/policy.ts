import type { PatternSet } from '../scope/pattern.ts';
import type { PermissionMasks } from '../scope/permission-masks.ts';
import type { RelativePath } from '../tree/path.ts';
import type { Side } from './plan.ts';

/** How a content conflict is settled. `newer`: the later corrected mtime; `alpha`, `beta`: that side; `skip`: reported and left. */
export type ConflictPolicy = 'newer' | 'alpha' | 'beta' | 'keep-both' | 'skip';

/** Both directions, or changes in one direction only. */
export type Direction = 'both' | 'alpha-to-beta' | 'beta-to-alpha';

export interface Policy {
  readonly conflicts: ConflictPolicy;
  /** What `newer` does where the clocks cannot tell: inside the uncertainty, never less than a second unless one clock made both. */
  readonly onTie: 'skip' | 'keep-both';
  /** Without an ancestor `newer` does not settle content conflicts (a fresh clone has new mtimes on old content); this does, if given. */
  readonly first?: ConflictPolicy | undefined;
  readonly direction: Direction;
  /** Per-path exceptions; the last whose pattern matches wins, field by field. */
  readonly paths: readonly PathPolicy[];
  /** Under which masks the trees were scanned; missing: one mask for every path. */
  readonly masks?: PermissionMasks | undefined;
  /** Words for the name of a kept loser: `NAME (conflict HOST DATE).EXT`. */
  readonly naming: ConflictNaming;
}

export interface PathPolicy {
  readonly match: PatternSet;
  readonly conflicts?: ConflictPolicy | undefined;
  readonly direction?: Direction | undefined;
}

export interface ConflictNaming {
  readonly alpha: string;
  readonly beta: string;
  /** A date such as `2026-11-21`, chosen by the caller: the core knows no clock. */
  readonly date: string;
}

/** How beta's clock relates to alpha's: beta's time minus alpha's. `undefined` where one clock made both trees' times. */
export interface ClockRelation {
  readonly offsetMs: number;
  readonly uncertaintyMs: number;
}

/** What holds at one path. */
export interface PathRules {
  readonly conflicts: ConflictPolicy;
  /** The side that must not be changed; `undefined`: both may. */
  readonly fixed: Side | undefined;
}

export function rulesAt(policy: Policy, path: RelativePath, kind: 'directory' | 'other'): PathRules {
  let conflicts: ConflictPolicy | undefined;
  let direction: Direction | undefined;
  for (let index = policy.paths.length - 1; index >= 0 && (conflicts === undefined || direction === undefined); index--) {
    const exception = policy.paths[index];
    if (exception === undefined || exception.match.lastMatch(path, kind) < 0) continue;
    conflicts ??= exception.conflicts;
    direction ??= exception.direction;
  }
  return { conflicts: conflicts ?? policy.conflicts, fixed: fixedSide(direction ?? policy.direction) };
}

function fixedSide(direction: Direction): Side | undefined {
  switch (direction) {
    case 'both':
      return undefined;
    case 'alpha-to-beta':
      return 'alpha';
    case 'beta-to-alpha':
      return 'beta';
  }
}

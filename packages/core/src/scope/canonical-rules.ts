import type { ScopeRules } from './rules.ts';

/**
 * The form of rules in which two that say the same are equal: includes and guards are sets, excludes are a list whose order decides. What the ends of a pair
 * compare, and what the archive's digest is made over.
 */
export function canonicalRules({ include, exclude, guard }: ScopeRules): ScopeRules {
  return { include: includesAll(include) ? [] : sortedSet(include), exclude, guard: sortedSet(guard) };
}

/** No include at all, or one that is the root itself. */
export function includesAll(include: readonly string[]): boolean {
  return include.length === 0 || include.some(isRoot);
}

/** `.` names the root, as an include of everything. */
function isRoot(include: string): boolean {
  return /^\.?\/*$/.test(include);
}

function sortedSet(patterns: readonly string[]): readonly string[] {
  return [...new Set(patterns)].sort();
}

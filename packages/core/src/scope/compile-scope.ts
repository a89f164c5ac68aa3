/**
 * Compiles rules into a scope.
 *
 * An entry is decided from the top: what its folder came to, then the patterns that match the entry itself.
 *
 * - guarded: a guard matches it or a folder above it. Nothing lifts that.
 * - included: an include matches it or a folder above it, or there are no includes.
 * - excluded: the last exclude pattern that matches it has no `!`; or its folder is excluded. Out of an excluded folder a later `!pattern` brings
 *   something back only if that folder lies on the pattern's literal prefix: `['a/', '!a/b/*.md']` enters `a` and `a/b` and nothing else of `a`,
 *   and `['a/', '!*.md']` brings back nothing of `a`, as in git.
 *
 * So one entry costs its own patterns alone, as long as its folder is remembered.
 */
import { parentPath, type RelativePath, rootPath } from '../tree/path.ts';
import { canonicalRules, includesAll } from './canonical-rules.ts';
import { foldName } from './fold.ts';
import { builtInGuard, builtInGuardsVersion } from './guards.ts';
import { compileList, type PatternList, spellsOut } from './pattern.ts';
import { exactNames, type Folding, type ScopeRules } from './rules.ts';
import type { Scope, ScopeDecision } from './scope.ts';

export interface CompileScopeOptions {
  /** What either root ignores in names. */
  readonly folding?: Folding | undefined;
}

/** Throws a `TypeError` on a pattern that `patternProblem` names. */
export function compileScope(rules: ScopeRules, { folding = exactNames }: CompileScopeOptions = {}): Scope {
  const excludes = compileList(rules.exclude, folding);
  const guards = compileList(rules.guard, folding);
  const everything = includesAll(rules.include);
  const includes = compileList(everything ? [] : rules.include.map(anchorInclude), folding);

  const rootState: State = { builtIn: undefined, guard: -1, include: -1, exclude: -1 };
  const remembered = new Map<RelativePath, State>();
  // A scan asks about one folder's children in a row.
  let lastPath = rootPath;
  let lastState = rootState;

  function step(above: State, path: RelativePath, kind: 'directory' | 'other'): State {
    const folded = foldName(path, folding);
    const builtIn = above.builtIn ?? builtInGuard(path, folding);
    const guard = above.guard === -1 ? guards.lastMatchOf(folded, kind, -1) : above.guard;
    const include = above.include === -1 ? includes.lastMatchOf(folded, kind, -1) : above.include;
    return { builtIn, guard, include, exclude: stepExclude(excludes, above.exclude, folded, kind) };
  }

  function directoryState(path: RelativePath): State {
    if (path === lastPath) return lastState;
    let known = path;
    while (known !== rootPath && !remembered.has(known)) known = parentPath(known) ?? rootPath;
    let state = remembered.get(known) ?? rootState;
    while (known.length < path.length) {
      const slash = path.indexOf('/', known.length + 1);
      known = (slash === -1 ? path : path.slice(0, slash)) as RelativePath;
      state = step(state, known, 'directory');
      if (remembered.size >= rememberedMax) remembered.clear();
      remembered.set(known, state);
    }
    lastPath = path;
    lastState = state;
    return state;
  }

  function stateOf(path: RelativePath, kind: 'directory' | 'other'): State {
    const parent = parentPath(path);
    return kind === 'directory' || parent === undefined ? directoryState(path) : step(directoryState(parent), path, kind);
  }

  const isIncluded = (state: State) => everything || state.include !== -1;
  const isExcluded = (state: State) => state.exclude !== -1 && !excludes.isNegated(state.exclude);
  const isGuarded = (state: State) => state.builtIn !== undefined || state.guard !== -1;

  return {
    includes(path, kind) {
      const state = stateOf(path, kind);
      return !isGuarded(state) && !isExcluded(state) && isIncluded(state);
    },
    enters(path) {
      const state = directoryState(path);
      if (isGuarded(state)) return false;
      const folded = foldName(path, folding);
      if (!isIncluded(state) && !includes.leadsBelow(folded)) return false;
      return !isExcluded(state) || excludes.liftsBelow(folded, state.exclude);
    },
    explain(path, kind) {
      const state = stateOf(path, kind);
      const decision = explain(state, { rules, excludes, everything });
      const list = listOf[decision.because];
      if (list === undefined) return decision;
      // What decided about a folder holds below it, until something else does.
      let at = path;
      for (let above = parentPath(at); above !== undefined && directoryState(above)[list] === state[list]; above = parentPath(at)) at = above;
      return { ...decision, at };
    },
    canonical: JSON.stringify({
      builtIn: builtInGuardsVersion,
      folding: [folding.ignoresCase, folding.ignoresUnicodeForm],
      ...canonicalRules(rules),
    }),
  };
}

/** What an entry came to: for each list the index of the pattern that decided, -1 if none did; of the built-in guards the pattern itself. */
interface State {
  readonly builtIn: string | undefined;
  readonly guard: number;
  readonly include: number;
  readonly exclude: number;
}

/** The list whose pattern decided; none for what no pattern decides. */
const listOf: Readonly<Record<ScopeDecision['because'], keyof State | undefined>> = {
  'built-in-guard': 'builtIn',
  guard: 'guard',
  exclude: 'exclude',
  're-include': 'exclude',
  include: 'include',
  everything: undefined,
  'not-included': undefined,
};

/** Bounds the memory of a scope. A scan of more folders asks for each one while its parent is still remembered. */
const rememberedMax = 10_000;

/** Includes are paths from the root, so a bare name is anchored. What has its slash already, or is at any depth, means the same with one more. */
function anchorInclude(include: string): string {
  return `/${include}`;
}

function stepExclude(excludes: PatternList, above: number, path: string, kind: 'directory' | 'other'): number {
  if (above === -1 || excludes.isNegated(above)) {
    const own = excludes.lastMatchOf(path, kind, -1);
    return own === -1 ? above : own;
  }
  // The root is never excluded, so there is a folder above this one.
  const folder = path.slice(0, path.lastIndexOf('/'));
  return excludes.lastMatchOf(path, kind, above, (pattern, index) => !excludes.isNegated(index) || spellsOut(pattern, folder));
}

function explain(
  state: State,
  { rules, excludes, everything }: { rules: ScopeRules; excludes: PatternList; everything: boolean },
): Omit<ScopeDecision, 'at'> {
  const { builtIn, guard, exclude, include } = state;
  if (builtIn !== undefined) return { included: false, because: 'built-in-guard', pattern: builtIn };
  if (guard !== -1) return { included: false, because: 'guard', pattern: rules.guard[guard], index: guard };
  const excluded = exclude !== -1 && !excludes.isNegated(exclude);
  if (excluded) return { included: false, because: 'exclude', pattern: rules.exclude[exclude], index: exclude };
  if (!everything && include === -1) return { included: false, because: 'not-included' };
  if (exclude !== -1) return { included: true, because: 're-include', pattern: rules.exclude[exclude], index: exclude };
  return include === -1
    ? { included: true, because: 'everything' }
    : { included: true, because: 'include', pattern: rules.include[include], index: include };
}

import type { Parsed } from '../util/parsed.ts';
import { utf8Length } from '../util/utf8.ts';
import { expandBraces, isExtended, patternProblem } from './glob.ts';
import type { ScopeRules } from './rules.ts';

/**
 * Rules as they may come from a peer: three lists with together at most {@link peerPatternsMax} patterns of at most {@link peerPatternBytesMax} bytes,
 * without braces and extended globs, so that their cost is bounded by their length. Nothing else may be in the object.
 */
export function parseScopeRules(value: unknown): Parsed<ScopeRules> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { ok: false, error: 'scope rules are an object' };
  const unknown = Object.keys(value).find((key) => !(lists as readonly string[]).includes(key));
  if (unknown !== undefined) return { ok: false, error: `${JSON.stringify(unknown.slice(0, 64))} is not a list of scope rules` };
  let count = 0;
  for (const list of lists) {
    const patterns: unknown = (value as Record<string, unknown>)[list];
    if (!Array.isArray(patterns)) return { ok: false, error: `${list} is a list of patterns` };
    count += patterns.length;
    if (count > peerPatternsMax) return { ok: false, error: `more than ${peerPatternsMax} patterns` };
    for (const [index, pattern] of patterns.entries()) {
      const problem = peerPatternProblem(pattern, list);
      if (problem !== undefined) return { ok: false, error: `${list}[${index}]: ${problem}` };
    }
  }
  const { include, exclude, guard } = value as ScopeRules;
  return { ok: true, value: { include: [...include], exclude: [...exclude], guard: [...guard] } };
}

/** One pattern as it may come from a peer, bounded as those of {@link parseScopeRules}. Nothing lifts it, so it has no `!`. */
export function parsePeerPattern(value: unknown): Parsed<string> {
  const problem = peerPatternProblem(value, 'guard');
  return problem === undefined ? { ok: true, value: value as string } : { ok: false, error: problem };
}

export const peerPatternsMax = 1_000;
export const peerPatternBytesMax = 256;

/**
 * Rules from a config in the form in which a peer takes them: braces are written out, each choice a pattern of its own. What a peer would refuse
 * is an error here, so that a config says so when it is read and not when the peer answers.
 */
export function toPeerRules(rules: ScopeRules): Parsed<ScopeRules> {
  for (const list of lists) {
    for (const [index, pattern] of rules[list].entries()) {
      const problem = listProblem(pattern, list);
      if (problem !== undefined) return { ok: false, error: `${list}[${index}]: ${problem}` };
    }
  }
  return parseScopeRules({
    include: rules.include.flatMap(writeOut),
    exclude: rules.exclude.flatMap(writeOut),
    guard: rules.guard.flatMap(writeOut),
  });
}

const lists = ['include', 'exclude', 'guard'] as const;

function peerPatternProblem(pattern: unknown, list: (typeof lists)[number]): string | undefined {
  if (typeof pattern !== 'string') return 'a pattern is text';
  if (utf8Length(pattern) > peerPatternBytesMax) return `a pattern is at most ${peerPatternBytesMax} bytes`;
  if (isExtended(pattern)) return 'braces and extended globs such as +(a|b) do not cross the wire (\\{ stands for a brace in a name)';
  return listProblem(pattern, list);
}

function listProblem(pattern: string, list: (typeof lists)[number]): string | undefined {
  // The root itself is a fine include, and no pattern.
  if (list === 'include' && /^\.?\/*$/.test(pattern) && pattern !== '') return undefined;
  if (list !== 'exclude' && pattern.startsWith('!')) return 'only exclude patterns are lifted by "!" (\\! stands for one in a name)';
  return patternProblem(pattern);
}

function writeOut(pattern: string): readonly string[] {
  const negated = pattern.startsWith('!');
  const bodies = expandBraces(negated ? pattern.slice(1) : pattern).map((body) =>
    body.replace(/\\.|[{}]/gs, (found) => (found.length === 1 ? `\\${found}` : found)),
  );
  return negated ? bodies.map((body) => `!${body}`) : bodies;
}

/**
 * Rules for many logs: `from: logs/*.jsonl`, `to: logs/{node}/{name}`. Which logs they are is asked of the node when a command runs, so that one that appears
 * later is pulled from then on.
 */
import { parsePeerPattern } from '@ubos/sync-core';

export interface LogGlob {
  /** On the node: relative to its root, or absolute. `.` is the root. */
  readonly folder: string;
  /** Of the names in it. */
  readonly pattern: string;
}

/** `undefined` if `from` names one log: a pattern has a `*`. */
export function toLogGlob(from: string): LogGlob | undefined {
  if (!from.includes('*')) return undefined;
  const slash = from.lastIndexOf('/');
  return { folder: slash === -1 ? '.' : from.slice(0, slash) || '/', pattern: from.slice(slash + 1) };
}

/** What a pattern of a config has to be, completing "expected ..."; `undefined` if it is. */
export function logGlobProblem({ folder, pattern }: LogGlob): string | undefined {
  if (folder.includes('*')) return 'a pattern with `*` in its last part alone';
  // These mean something in a pattern, and nothing that a name of a log needs.
  if (/[[\]{}()\\!]/.test(pattern)) return 'a pattern of `*` and `?`';
  if (folder === '.' && isAnything(pattern)) return wholeRoot;
  const parsed = parsePeerPattern(pattern);
  return parsed.ok ? undefined : `a pattern (${parsed.error})`;
}

/** What is wrong with the target of a rule, completing "expected ..."; `undefined` if nothing is. */
export function logTargetProblem(to: string, glob: LogGlob | undefined): string | undefined {
  const slash = to.lastIndexOf('/');
  const names = to.split('{name}').length - 1;
  if (glob !== undefined && to === '{name}' && isAnything(glob.pattern)) return wholeRoot;
  if (glob === undefined) return names === 0 ? undefined : 'no `{name}`, because `from` names one log (a pattern has a `*`)';
  return names === 1 && to.includes('{name}', slash + 1) ? undefined : '`{name}` in its last part, because `from` is a pattern: `logs/{node}/{name}`';
}

const wholeRoot = 'a folder in front, because logs never travel as content, and this would be all there is in the root';

function isAnything(pattern: string): boolean {
  return /^[*?]+$/.test(pattern);
}

/** A target with the node's name put in. */
export function targetOnNode(to: string, node: string): string {
  return to.replaceAll('{node}', node);
}

export function targetOfName(to: string, name: string): string {
  // As a function: `$&` in a name is no more than that.
  return to.replace('{name}', () => name);
}

/**
 * Generations by name: which files beside a log may hold what it held before it was rotated, and in which order they were written.
 *
 * A name never proves anything: that a file is an earlier generation is for its content to say. But which one was written *next* cannot be seen in content, so
 * for that the two usual ways of naming are known (logrotate, log4j, Python's and Docker's handlers):
 *
 *     log.jsonl.3  log.jsonl.2  log.jsonl.1  log.jsonl         counted: the least is the latest
 *     log.jsonl-20261121  log-2026-11-22.jsonl  log.jsonl      dated: the greatest is the latest
 *
 * Either stands behind the whole name or before its ending; beside these, `log.jsonl.old` and `.bak`. A compressed one is named, and not read. Anything else
 * beside a log is none of ours to read. Whatever is a generation is guarded, too (`scope/guards.ts`): it does not travel as content.
 */

export interface GenerationName {
  readonly name: string;
  /** `other`: its place in the order is not known. */
  readonly scheme: 'counted' | 'dated' | 'other';
  /** What all generations that are named this way have in common; `''` for `other`. */
  readonly family: string;
  /** Digits of the number or date. */
  readonly digits: string;
  readonly compressed: boolean;
}

/** What a file beside a log says by its name; `undefined`: it is no generation of that log. */
export function parseGenerationName(logName: string, name: string): GenerationName | undefined {
  if (name === logName) return undefined;
  const packed = compressedEnding.exec(name)?.[0] ?? '';
  const plain = name.slice(0, name.length - packed.length);
  const compressed = packed !== '';
  if (plain === logName) return { name, scheme: 'other', family: '', digits: '', compressed };
  const dot = logName.lastIndexOf('.');
  const ending = dot > 0 ? logName.slice(dot) : '';
  for (const [stem, rest] of [
    [logName, ''],
    [logName.slice(0, logName.length - ending.length), ending],
  ] as const) {
    if (plain.length <= stem.length + rest.length || !plain.startsWith(stem) || !plain.endsWith(rest)) continue;
    const mark = plain.slice(stem.length, plain.length - rest.length);
    const [, separator, value] = /^([.-])(.+)$/s.exec(mark) ?? [];
    if (separator === undefined || value === undefined) continue;
    const digits = value.replace(/\D/g, '');
    const shape = value.replace(/\d/g, '0');
    const family = `${stem.length}${separator}${shape}`;
    if (/^\d{1,6}$/.test(value)) return { name, scheme: 'counted', family: `${stem.length}${separator}`, digits, compressed };
    if (digits.length >= 8 && /^\d[\d\-_.:TZ+]*$/.test(value)) return { name, scheme: 'dated', family, digits, compressed };
    if (rest === '' && (value === 'old' || value === 'bak')) return { name, scheme: 'other', family: '', digits: '', compressed };
  }
  return undefined;
}

const compressedEnding = /\.(?:gz|bz2|xz|zst|lz4|lzma|Z|zip)$/;

/**
 * The generations that were written after one of them, in that order, and before the log as it is now. Names that were given another way are not among them,
 * and of two forms of one generation (packed and not) the one that can be read.
 */
export function generationsAfter(found: GenerationName, all: readonly GenerationName[]): readonly GenerationName[] {
  if (found.scheme === 'other') return [];
  const after = new Map<string, GenerationName>();
  for (const each of all) {
    if (each.scheme !== found.scheme || each.family !== found.family) continue;
    const order = compareDigits(each.digits, found.digits);
    if (order === 0 || order > 0 !== (found.scheme === 'dated')) continue;
    const key = trimZeros(each.digits);
    if (after.get(key)?.compressed !== false) after.set(key, each);
  }
  const ordered = [...after.values()].sort((a, b) => compareDigits(a.digits, b.digits));
  return found.scheme === 'dated' ? ordered : ordered.reverse();
}

/** As numbers, which may be too long for one. */
function compareDigits(a: string, b: string): number {
  const [left, right] = [trimZeros(a), trimZeros(b)];
  if (left.length !== right.length) return left.length - right.length;
  return left === right ? 0 : left < right ? -1 : 1;
}

function trimZeros(digits: string): string {
  return digits.replace(/^0+(?=\d)/, '');
}

/** The logs that a file of this name may be a generation of: those of which `parseGenerationName` takes it for one. */
export function logsOfGeneration(name: string): readonly string[] {
  const plain = name.replace(compressedEnding, '');
  const ending = plain.slice(plain.lastIndexOf('.') === -1 ? plain.length : plain.lastIndexOf('.'));
  const possible = new Set([plain]);
  for (let at = 1; at < plain.length; at++) {
    if (plain[at] !== '.' && plain[at] !== '-') continue;
    possible.add(plain.slice(0, at));
    possible.add(plain.slice(0, at) + ending);
  }
  return [...possible].filter((log) => parseGenerationName(log, name) !== undefined);
}

/** The name under which the copy of a generation is kept here once it is over. `copy`: of how many that would have this name. */
export function keptName(logName: string, { number, startedAt }: { readonly number: number; readonly startedAt: string }, copy = 1): string {
  return `${logName}.${startedAt}.g${number}${copy === 1 ? '' : `-${copy}`}`;
}

/** Which generation a name of {@link keptName} is about; `undefined`: it is none of that log. */
export function keptNumber(logName: string, name: string): number | undefined {
  if (!name.startsWith(logName)) return undefined;
  const [, number] = /^\.\d{8}T\d{6}Z\.g(\d{1,9})(?:-\d+)?$/.exec(name.slice(logName.length)) ?? [];
  return number === undefined ? undefined : Number(number);
}

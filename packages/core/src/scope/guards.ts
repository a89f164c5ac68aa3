/**
 * Guards: what takes part in no sync, whatever the rules say. Here are the built-in ones and those that follow from a config.
 *
 * "Sync truth, not state": a file `*_state.json` is the state of one machine. It must not even travel under one of the names that an editor
 * or an atomic write gives its copies, because a copy of state is state.
 */
import type { RelativePath } from '../tree/path.ts';
import { foldName } from './fold.ts';
import { escapePattern } from './glob.ts';
import type { Folding } from './rules.ts';

/** Part of the canonical text of a scope: to be raised when the built-in guards decide differently. */
export const builtInGuardsVersion = 1;

/** The built-in guard that keeps this entry out, as a pattern for people; `undefined` if none does. Folders above it are not considered. */
export function builtInGuard(path: string, folding: Folding): string | undefined {
  const folded = foldName(path, folding);
  const name = folded.slice(folded.lastIndexOf('/') + 1);
  if (name === '.ubos-sync') return '.ubos-sync';
  if (name === folded && /^ubos-sync\.y.*ml$/s.test(name)) return '/ubos-sync.y*ml';
  return name.includes(stateSuffix) && isStateName(name, path, folding) ? '*_state.json' : undefined;
}

/** The config file in use. */
export function configGuards(config: RelativePath): readonly string[] {
  return [`/${escapePattern(config)}`];
}

/** A log's file, source or target, with the names that rotation gives it: `x.jsonl.1`, `x.jsonl-20251107.gz`, `x-20251107.jsonl`, `x.1.jsonl`, `x.jsonl.old`. */
export function logGuards(log: RelativePath): readonly string[] {
  return withGenerations(`/${escapePattern(log)}`);
}

/**
 * The same for logs that a pattern names. In `path` the parts `{name}` stand for what `pattern` matches, a name with `*` and `?`; the rest of it is literal.
 */
export function logGlobGuards(path: RelativePath, pattern: string): readonly string[] {
  return withGenerations(`/${path.split('{name}').map(escapePattern).join(pattern)}`);
}

function withGenerations(path: string): readonly string[] {
  const endings = ['', '.[0-9]*', '-[0-9]*', '.old', '.bak', '.gz', '.bz2', '.xz', '.zst'].map((ending) => path + ending);
  const dot = path.lastIndexOf('.');
  const hasExtension = dot > path.lastIndexOf('/') + 1;
  if (!hasExtension) return endings;
  const stem = path.slice(0, dot);
  const extension = path.slice(dot);
  const dated = [`${stem}.[0-9]*${extension}`, `${stem}-[0-9]*${extension}`].flatMap((pattern) => [pattern, `${pattern}.*`]);
  return [...endings, ...dated];
}

/** The folder with the run logs. */
export function auditGuards(folder: RelativePath): readonly string[] {
  return [`/${escapePattern(folder)}`];
}

const stateSuffix = '_state.json';

function isStateName(name: string, path: string, folding: Folding): boolean {
  // Some endings are told by their mix of cases, so they are looked at as they are written.
  const written = foldName(path, { ignoresCase: false, ignoresUnicodeForm: folding.ignoresCase || folding.ignoresUnicodeForm });
  const afterLength = name.length - name.lastIndexOf(stateSuffix) - stateSuffix.length;
  const after = written.slice(written.length - afterLength);
  // The name itself, and forms that only put something in front: emacs locks `.#x`, Office locks `~$x`.
  if (after === '') return true;
  // `.x.swp`, `.x.un~`, `.x.kate-swp`, `.x.AbC123` (rsync, mktemp): whatever hides the name and adds an ending.
  if (name.startsWith('.') && after.startsWith('.')) return true;
  return backupEndings.some((ending) => ending.test(after));
}

const backupEndings: readonly RegExp[] = [
  // Emacs autosave #x#, LibreOffice lock .~lock.x#
  /^#$/,
  // x~, x.~1~, x.un~
  /~$/,
  // vim without the dot, and what people and programs write beside a file before they replace it
  /^[._-](?:sw[a-z]|te?mp|bak|backup|old|orig|save|new|part|rej|lock)(?:[._-].*)?$/is,
  // x.tmp-abc is above; x.abc.tmp here
  /\.(?:te?mp|bak|swp)$/i,
  // x.1, x-20251107, x.1762500000.json
  /^[._-]\d/,
  // mktemp and its kind: x.AbC123. A digit or a capital tells it from a word such as .schema or .example.
  /^\.(?=.*[0-9A-Z])[0-9A-Za-z_-]{6,}$/,
  // macOS safe save x.sb-1a2b3c4d-AbCdEf, JetBrains x___jb_tmp___
  /^\.sb-/,
  /^___jb_/,
];

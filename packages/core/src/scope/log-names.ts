/** Names of logs that a node lists for a pattern. They come from a peer and become names of files here. */

import { type Name, parseName } from '../tree/name.ts';
import type { Parsed } from '../util/parsed.ts';
import { builtInGuard } from './guards.ts';
import { exactNames } from './rules.ts';

/** More files than this are not listed. */
export const logNamesMax = 10_000;

/** One name, as a file of a folder here may be called by it: no way out of the folder, nothing that a terminal would act on, nothing that is guarded everywhere. */
export function parseLogName(text: string): Parsed<Name> {
  const name = parseName(text);
  if (!name.ok) return name;
  if (/\p{Cc}/u.test(text)) return { ok: false, error: 'the name of a log holds no control characters' };
  // As every file system may take it.
  const guard = builtInGuard(text, exactNames) ?? builtInGuard(text, { ignoresCase: true, ignoresUnicodeForm: true });
  return guard === undefined ? name : { ok: false, error: `${guard} is guarded` };
}

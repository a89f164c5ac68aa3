import type { Brand } from '../util/brand.ts';
import type { Parsed } from '../util/parsed.ts';
import { type Name, parseName } from './name.ts';

/**
 * A path below a root: names joined by `/`, the root itself is the empty string. Never absolute, never with `.` or `..`,
 * so that joining it to a root cannot lead out of the root by its text alone.
 */
export type RelativePath = Brand<string, 'RelativePath'>;

export const rootPath: RelativePath = '' as RelativePath;

/** Bounds what a peer may send: 4,096 bytes is `PATH_MAX` on Linux, but deeper trees exist and are walked by handle. */
export const pathLengthMax = 65_536;

/** The one door into {@link RelativePath} for text from outside. */
export function parseRelativePath(text: string): Parsed<RelativePath> {
  if (text.length > pathLengthMax) return { ok: false, error: `a path is at most ${pathLengthMax} characters` };
  if (text !== '') {
    for (const part of text.split('/')) {
      const name = parseName(part);
      if (!name.ok) return name;
    }
  }
  return { ok: true, value: text as RelativePath };
}

export function joinPath(parent: RelativePath, name: Name): RelativePath {
  return (parent === '' ? name : `${parent}/${name}`) as RelativePath;
}

/** The path one level up; `undefined` for the root. */
export function parentPath(path: RelativePath): RelativePath | undefined {
  if (path === '') return undefined;
  return path.slice(0, Math.max(0, path.lastIndexOf('/'))) as RelativePath;
}

/** The last name of a path; `undefined` for the root. */
export function baseName(path: RelativePath): Name | undefined {
  return path === '' ? undefined : (path.slice(path.lastIndexOf('/') + 1) as Name);
}

export function pathNames(path: RelativePath): readonly Name[] {
  return path === '' ? [] : (path.split('/') as Name[]);
}

/** Whether `path` is `ancestor` or below it. */
export function isWithin(path: RelativePath, ancestor: RelativePath): boolean {
  return ancestor === '' || path === ancestor || path.startsWith(`${ancestor}/`);
}

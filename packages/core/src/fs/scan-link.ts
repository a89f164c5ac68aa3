/**
 * Whether a link is portable: its target is a relative path that stays inside the root by its text, from a link in a folder `depth` levels below the root.
 *
 * `..` may only lead. After a name it would be resolved on the disk, and where that name is a link itself, `a/..` leads anywhere.
 */
export function isPortableLink(target: string, depth: number): boolean {
  if (target === '' || target.startsWith('/')) return false;
  let up = 0;
  let named = false;
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') named = true;
    else if (named || ++up > depth) return false;
  }
  return true;
}

import { digestHex } from '../hash/digest.ts';
import type { Entry } from './entry.ts';
import { type RelativePath, rootPath } from './path.ts';
import { type Places, walk } from './walk.ts';

/**
 * A tree as text, one line an entry, indented by depth: for tests and for people who debug. Times are left out, so that trees which mean the
 * same print the same. Names are quoted only where they would break the line.
 */
export function printTree(tree: Entry | undefined): string {
  if (tree === undefined) return '(nothing)\n';
  const lines: string[] = [];
  walk([tree], (path: RelativePath, [entry]: Places) => {
    lines.push(`${indent(path)}${printName(path)}${printNode(entry)}\n`);
    return true;
  });
  return lines.join('');
}

/** One node in a few words, children not counted. */
export function printNode(entry: Entry | undefined): string {
  switch (entry?.kind) {
    case undefined:
      return ' (nothing)';
    case 'directory':
      return `/ ${octal(entry.mode)}${entry.hasUntracked ? ' +untracked' : ''}`;
    case 'file':
      return ` ${octal(entry.mode)} ${entry.sizeBytes} B ${digestHex(entry.digest).slice(0, 8)}`;
    case 'symlink':
      return ` -> ${entry.target}`;
    case 'untracked':
      return ` (untracked: ${entry.reason})`;
    case 'problematic':
      return ` (problem: ${entry.code})`;
  }
}

function indent(path: RelativePath): string {
  return path === rootPath ? '' : '  '.repeat(path.split('/').length);
}

function printName(path: RelativePath): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (path === rootPath) return '.';
  return /^[^\s"\p{Cc}]+$/u.test(name) ? name : JSON.stringify(name);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}

import type { AdmissionRecord } from '../engine/admission.ts';
import type { ArchiveCommit, ArchiveHead } from '../engine/archive-store.ts';
import type { ReplicaId } from '../engine/replica.ts';
import type { Digest } from '../hash/digest.ts';
import type { Ancestor, AncestorChange } from '../reconcile/ancestor.ts';
import type { Change } from '../reconcile/change.ts';
import { foldName } from '../scope/fold.ts';
import { exactNames, type Folding } from '../scope/rules.ts';

/** What outlives the replica objects that look at it: a root with its state folder, in memory. Edit it as a user would. */
export interface MemoryDisk {
  root: MemoryNode | undefined;
  /** The marker. */
  id: ReplicaId | undefined;
  readonly archives: Map<string, MemoryArchive>;
  readonly staging: Map<Digest, Uint8Array>;
  readonly versions: MemoryVersion[];
  /** What each run was about to change, by pair and run. */
  readonly runs: Map<string, MemoryRun>;
  /** Which replica was met at which address. */
  readonly peers: Map<string, ReplicaId>;
  lockOwner: string | undefined;
  admission: AdmissionRecord | undefined;
  /** Every write to anything, counted: a run that has nothing to do leaves it as it was. */
  writes: number;
  readonly names: MemoryNames;
}

/** What a file system does to names. */
export interface MemoryNames {
  /** Names that it takes for one. */
  readonly folding: Folding;
  /** The form in which a new name is stored. */
  readonly store: (name: string) => string;
  /** The errno with which a new name is refused. */
  readonly refuse: (name: string) => string | undefined;
}

/** Every name is another one, and is kept as it is. */
export const plainNames: MemoryNames = { folding: exactNames, store: (name) => name, refuse: () => undefined };

export type MemoryNode = MemoryDirectory | MemoryFile | MemorySymlink | MemorySpecial;

export interface MemoryDirectory {
  readonly kind: 'directory';
  mode: number;
  readonly children: Map<string, MemoryNode>;
  /** A listing error, injected. */
  unreadable?: string | undefined;
}

export interface MemoryFile {
  readonly kind: 'file';
  mode: number;
  bytes: Uint8Array;
  mtimeMs: number;
}

export interface MemorySymlink {
  readonly kind: 'symlink';
  target: string;
  mtimeMs: number;
}

export interface MemorySpecial {
  readonly kind: 'special';
}

export interface MemoryVersion {
  readonly run: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface MemoryRun {
  /** `bits`: all permission bits of what was there. */
  readonly changes: (Change & { readonly bits: number | undefined })[];
  readonly changesPeer: boolean;
}

export interface MemoryArchive {
  head: ArchiveHead | undefined;
  ancestor: Ancestor;
  pending: { readonly commit: ArchiveCommit; readonly digest: string } | undefined;
  journal: AncestorChange[];
  damaged: boolean;
}

export function createMemoryDisk(names: Partial<MemoryNames> = {}): MemoryDisk {
  return {
    names: { ...plainNames, ...names },
    root: { kind: 'directory', mode: 0o755, children: new Map() },
    id: undefined,
    archives: new Map(),
    staging: new Map(),
    versions: [],
    runs: new Map(),
    peers: new Map(),
    lockOwner: undefined,
    admission: undefined,
    writes: 0,
  };
}

/** Writes a file, making its parents. A time not given is that of the call before plus one second, so that every edit is later than the last. */
export function writeMemoryFile(
  disk: MemoryDisk,
  path: string,
  content: string | Uint8Array,
  options: { readonly mode?: number; readonly mtimeMs: number },
): void {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const { parent, name } = parentOf(disk, path, true);
  putMemoryNode(disk, parent, name, { kind: 'file', mode: options.mode ?? 0o644, bytes, mtimeMs: options.mtimeMs });
}

export function makeMemoryDirectory(disk: MemoryDisk, path: string, mode = 0o755): void {
  const { parent, name } = parentOf(disk, path, true);
  putMemoryNode(disk, parent, name, { kind: 'directory', mode, children: new Map() });
}

export function makeMemoryLink(disk: MemoryDisk, path: string, target: string, mtimeMs = 0): void {
  const { parent, name } = parentOf(disk, path, true);
  putMemoryNode(disk, parent, name, { kind: 'symlink', target, mtimeMs });
}

export function makeMemorySpecial(disk: MemoryDisk, path: string): void {
  const { parent, name } = parentOf(disk, path, true);
  putMemoryNode(disk, parent, name, { kind: 'special' });
}

/** Removes whatever is there, with all below. */
export function removeMemoryNode(disk: MemoryDisk, path: string): void {
  const { parent, name } = parentOf(disk, path, false);
  parent.children.delete(storedName(disk, parent, name));
}

/** Puts a node under a name, or in the place of what the file system takes for the same. */
export function putMemoryNode(disk: MemoryDisk, parent: MemoryDirectory, name: string, node: MemoryNode): void {
  parent.children.set(storedName(disk, parent, name), node);
}

/** The name under which this disk has what is asked for by this name, or would have it. */
function storedName({ names }: MemoryDisk, { children }: MemoryDirectory, name: string): string {
  if (children.has(name)) return name;
  const { folding } = names;
  if (folding.ignoresCase || folding.ignoresUnicodeForm) {
    const folded = foldName(name, folding);
    for (const stored of children.keys()) if (foldName(stored, folding) === folded) return stored;
  }
  return names.store(name);
}

export function getMemoryNode(disk: MemoryDisk, path: string): MemoryNode | undefined {
  let node = disk.root;
  for (const name of path === '' ? [] : path.split('/')) {
    if (node?.kind !== 'directory') return undefined;
    node = node.children.get(storedName(disk, node, name));
  }
  return node;
}

/** The text of a file; `undefined` if there is none. */
export function readMemoryFile(disk: MemoryDisk, path: string): string | undefined {
  const node = getMemoryNode(disk, path);
  return node?.kind === 'file' ? new TextDecoder().decode(node.bytes) : undefined;
}

/** Everything on the disk, a line a node in path order: for comparing two disks in a test. */
export function listMemoryDisk(disk: MemoryDisk): readonly string[] {
  const lines: string[] = [];
  const visit = (node: MemoryNode, path: string): void => {
    if (node.kind === 'directory') {
      if (path !== '') lines.push(`${path}/ ${node.mode.toString(8)}`);
      for (const [name, child] of node.children) visit(child, path === '' ? name : `${path}/${name}`);
    } else if (node.kind === 'file') lines.push(`${path} ${node.mode.toString(8)} ${new TextDecoder().decode(node.bytes)}`);
    else lines.push(node.kind === 'symlink' ? `${path} -> ${node.target}` : `${path} special`);
  };
  if (disk.root !== undefined) visit(disk.root, '');
  return lines.sort();
}

function parentOf(disk: MemoryDisk, path: string, make: boolean): { readonly parent: MemoryDirectory; readonly name: string } {
  const names = path.split('/');
  const name = names.pop() ?? '';
  let node = disk.root;
  for (const step of names) {
    if (node?.kind !== 'directory') break;
    const stored = storedName(disk, node, step);
    let child = node.children.get(stored);
    if (child === undefined && make) {
      child = { kind: 'directory', mode: 0o755, children: new Map() };
      node.children.set(stored, child);
    }
    node = child;
  }
  if (node?.kind !== 'directory') throw new Error(`no directory above ${path}`);
  return { parent: node, name };
}

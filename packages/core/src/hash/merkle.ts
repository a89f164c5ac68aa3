/**
 * Merkle digests: one hash for a directory and everything below it. Two directories with equal digests are the same as far as a sync is concerned,
 * so comparing them needs no look inside.
 *
 * A directory's digest is the hash of these bytes, version 1:
 *
 * | field      | bytes | meaning                                                                   |
 * |------------|-------|---------------------------------------------------------------------------|
 * | version    | 1     | 1                                                                         |
 * | mode       | 2     | the directory's own permission bits, big endian                           |
 * | children   |       | for each child, in the order of `compareNames`:                           |
 * | kind       | 1     | 1 directory, 2 file, 3 symlink                                            |
 * | name       | n     | varint length, then UTF-8                                                 |
 * | directory  | n     | varint length, then the child's Merkle digest (which holds its mode)      |
 * | file       | n     | mode (2, big endian), size (8, big endian), varint length, content digest |
 * | symlink    | n     | varint length, then the target in UTF-8                                   |
 *
 * Every field has its length before it or a fixed one, so no two directories have the same bytes. Order of building, times and `hasUntracked` do not
 * enter. An untracked entry counts as absent: it is nothing that could be synced, and it must not make two trees differ that agree in all
 * that can. Where something is *problematic*, nobody knows what is there, so neither its directory nor any above has a digest, and nothing is pruned.
 */
import type { Child, Directory, Entry, Mode } from '../tree/entry.ts';
import { utf8Length } from '../util/utf8.ts';
import type { Digest, HashBytes } from './digest.ts';

/**
 * Digest of a directory from its children, whose own digests must be there. `undefined`: something below is problematic (or has no digest yet).
 * Called once a directory from the bottom up while a tree is being built.
 */
export function merkleOfChildren(children: readonly Child[], mode: Mode, hash: HashBytes): Digest | undefined {
  const writer = new Writer(3 + children.length * 48);
  writer.byte(merkleVersion);
  writer.uint16(mode);
  for (const { name, entry } of children) {
    switch (entry.kind) {
      case 'directory':
        if (entry.merkle === undefined) return undefined;
        writer.byte(kindCode.directory);
        writer.text(name);
        writer.digest(entry.merkle);
        break;
      case 'file':
        writer.byte(kindCode.file);
        writer.text(name);
        writer.uint16(entry.mode);
        writer.uint64(entry.sizeBytes);
        writer.digest(entry.digest);
        break;
      case 'symlink':
        writer.byte(kindCode.symlink);
        writer.text(name);
        writer.text(entry.target);
        break;
      case 'untracked':
        break;
      case 'problematic':
        return undefined;
    }
  }
  return hash(writer.bytes());
}

/** The tree with a digest on every directory that can have one. Those that have one already are believed. Costs the directories without one and their children. */
export function withMerkle(tree: Entry, hash: HashBytes): Entry {
  if (tree.kind !== 'directory' || tree.merkle !== undefined) return tree;
  const root = openLevel(tree, undefined);
  let level = root;
  for (;;) {
    const child = level.directory.children[level.next];
    if (child !== undefined) {
      level.next++;
      if (child.entry.kind === 'directory' && child.entry.merkle === undefined) level = openLevel(child.entry, level);
      continue;
    }
    const done = closeLevel(level, hash);
    if (level.parent === undefined) return done;
    level = level.parent;
    level.replace(done);
  }
}

/** Part of the format: another encoding is another version, and archives of the old one are compared entry by entry. */
export const merkleVersion = 1;

const kindCode = { directory: 1, file: 2, symlink: 3 } as const;

/** A directory whose children are being given their digests. */
interface Level {
  readonly directory: Directory;
  readonly parent: Level | undefined;
  /** Index of the child to look at next. */
  next: number;
  /** The children with their digests; the old list as long as nothing changed. */
  children: readonly Child[];
  /** Puts the child that was looked at last in its new form. */
  replace(entry: Entry): void;
}

function openLevel(directory: Directory, parent: Level | undefined): Level {
  let copied: Child[] | undefined;
  const level: Level = {
    directory,
    parent,
    next: 0,
    children: directory.children,
    replace(entry) {
      const index = level.next - 1;
      const child = level.children[index];
      if (child === undefined || child.entry === entry) return;
      if (copied === undefined) level.children = copied = [...directory.children];
      copied[index] = { name: child.name, entry };
    },
  };
  return level;
}

function closeLevel({ directory, children }: Level, hash: HashBytes): Directory {
  const merkle = merkleOfChildren(children, directory.mode, hash);
  return merkle === undefined && children === directory.children ? directory : { ...directory, children, merkle };
}

/** Growing bytes, written without an object per entry. */
class Writer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(sizeHint: number) {
    this.#bytes = new Uint8Array(sizeHint);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  uint16(value: number): void {
    this.#reserve(2);
    this.#bytes[this.#length++] = value >>> 8;
    this.#bytes[this.#length++] = value;
  }

  /** A size: a safe integer, so its upper half has 21 bits at most. */
  uint64(value: number): void {
    this.#uint32(Math.floor(value / 0x1_0000_0000));
    this.#uint32(value);
  }

  #uint32(value: number): void {
    this.uint16((value >>> 16) & 0xffff);
    this.uint16(value & 0xffff);
  }

  digest(digest: Digest): void {
    this.#varint(digest.length);
    this.#reserve(digest.length);
    for (let index = 0; index < digest.length; index++) this.#bytes[this.#length++] = digest.charCodeAt(index);
  }

  text(text: string): void {
    const length = utf8Length(text);
    this.#varint(length);
    this.#reserve(length);
    if (length === text.length) for (let index = 0; index < length; index++) this.#bytes[this.#length++] = text.charCodeAt(index);
    else for (const character of text) this.#codePoint(character.codePointAt(0) ?? 0);
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.byte((rest & 0x7f) | 0x80);
    this.byte(rest);
  }

  /** Room was reserved. A lone surrogate, which no name has, is written as if it were a character. */
  #codePoint(point: number): void {
    const bytes = this.#bytes;
    if (point < 0x80) bytes[this.#length++] = point;
    else if (point < 0x800) {
      bytes[this.#length++] = 0xc0 | (point >> 6);
      bytes[this.#length++] = 0x80 | (point & 0x3f);
    } else if (point < 0x10000) {
      bytes[this.#length++] = 0xe0 | (point >> 12);
      bytes[this.#length++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[this.#length++] = 0x80 | (point & 0x3f);
    } else {
      bytes[this.#length++] = 0xf0 | (point >> 18);
      bytes[this.#length++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[this.#length++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[this.#length++] = 0x80 | (point & 0x3f);
    }
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

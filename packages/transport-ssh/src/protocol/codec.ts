/**
 * Messages as bytes: MessagePack, of which only what our messages need is read.
 *
 * Written by msgpackr. Read by a reader of our own, because this is where bytes of a stranger become values: msgpackr's builds values as it goes, knows
 * extensions (one of which compiles code), nests without bound, and drops a byte order mark at the start of a long text, which is part of a file name.
 * Here every length is held against what is left before anything is made of it, depth and number of values are bounded, keys appear once, text is
 * UTF-8, and there are no extensions, no 64-bit integers and no 32-bit floats.
 */
import type { Parsed } from '@ubos/sync-core';
import { Packr } from 'msgpackr/pack';
import { mapKeysMax, messageDepthMax, messageValuesMax } from './limits.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });

/** `undefined` becomes nil, which readers take for absence. */
export function encodeMessage(message: object): Buffer {
  return packr.pack(message);
}

/** Maps become objects without prototype. Bytes are views of `source`. */
export function decodeMessage(source: Buffer): Parsed<unknown> {
  const reader = new Reader(source);
  try {
    const value = reader.value(0);
    return reader.atEnd ? { ok: true, value } : { ok: false, error: 'bytes are left over behind the message' };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, error: error.message };
    throw error;
  }
}

class Unreadable extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

class Reader {
  readonly #source: Buffer;
  #at = 0;
  #values = 0;

  constructor(source: Buffer) {
    this.#source = source;
  }

  get atEnd(): boolean {
    return this.#at === this.#source.length;
  }

  value(depth: number): unknown {
    if (++this.#values > messageValuesMax) throw new Unreadable('too many values');
    const tag = this.#byte();
    if (tag < 0x80) return tag;
    if (tag < 0x90) return this.#map(tag & 0x0f, depth);
    if (tag < 0xa0) return this.#list(tag & 0x0f, depth);
    if (tag < 0xc0) return this.#text(tag & 0x1f);
    if (tag >= 0xe0) return tag - 0x100;
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#take(this.#uint(1));
      case 0xc5:
        return this.#take(this.#uint(2));
      case 0xc6:
        return this.#take(this.#uint(4));
      case 0xcb:
        return this.#source.readDoubleBE(this.#advance(8));
      case 0xcc:
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xd0:
        return this.#source.readInt8(this.#advance(1));
      case 0xd1:
        return this.#source.readInt16BE(this.#advance(2));
      case 0xd2:
        return this.#source.readInt32BE(this.#advance(4));
      case 0xd9:
        return this.#text(this.#uint(1));
      case 0xda:
        return this.#text(this.#uint(2));
      case 0xdb:
        return this.#text(this.#uint(4));
      case 0xdc:
        return this.#list(this.#uint(2), depth);
      case 0xdd:
        return this.#list(this.#uint(4), depth);
      case 0xde:
        return this.#map(this.#uint(2), depth);
      case 0xdf:
        return this.#map(this.#uint(4), depth);
      default:
        throw new Unreadable(`a type that no message has (0x${tag.toString(16)})`);
    }
  }

  #list(length: number, depth: number): readonly unknown[] {
    this.#enter(length, depth);
    const list: unknown[] = [];
    for (let index = 0; index < length; index++) list.push(this.value(depth + 1));
    return list;
  }

  #map(length: number, depth: number): object {
    if (length > mapKeysMax) throw new Unreadable('too many keys');
    this.#enter(length * 2, depth);
    const map = Object.create(null) as Record<string, unknown>;
    for (let index = 0; index < length; index++) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string') throw new Unreadable('a key that is no text');
      if (key in map || key === '__proto__') throw new Unreadable('a key that is there twice, or that no message has');
      map[key] = this.value(depth + 1);
    }
    return map;
  }

  /** What follows takes at least a byte a value. */
  #enter(valuesMin: number, depth: number): void {
    if (depth >= messageDepthMax) throw new Unreadable('nested too deeply');
    if (valuesMin > this.#source.length - this.#at || this.#values + valuesMin > messageValuesMax)
      throw new Unreadable('a length beyond the message');
  }

  #text(length: number): string {
    const bytes = this.#take(length);
    try {
      return utf8.decode(bytes);
    } catch {
      throw new Unreadable('text that is not UTF-8');
    }
  }

  #take(length: number): Buffer {
    const start = this.#advance(length);
    return this.#source.subarray(start, start + length);
  }

  #byte(): number {
    return this.#source[this.#advance(1)] ?? 0;
  }

  #uint(bytes: 1 | 2 | 4): number {
    return this.#source.readUIntBE(this.#advance(bytes), bytes);
  }

  /** The position before, if so many bytes are there. */
  #advance(length: number): number {
    if (length > this.#source.length - this.#at) throw new Unreadable('cut off');
    const start = this.#at;
    this.#at += length;
    return start;
  }
}

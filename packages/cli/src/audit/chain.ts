/**
 * The chain of the audit: each line carries the hash of the line before it (`prev`) and, as its last field, its own (`hash`).
 *
 *     {"seq":7,...,"prev":"<64 hex>","hash":"<64 hex>"}
 *
 * `hash` is SHA-256 over the bytes of the line up to the comma before it, `prev` included; so whoever alters, removes, adds or moves a line has to
 * write every later line anew. It does not stop somebody who does just that, or who cuts the end off: for that, keep a copy of the last hash elsewhere.
 */
import { createHash } from 'node:crypto';
import { toJsonLine } from '../render/json.ts';

/** What the first line has for `prev`. */
export const chainStart = '0'.repeat(64);

export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

export const emptyChain: ChainHead = { seq: 0, hash: chainStart };

/** One more line, without its newline. */
export function chainLine(head: ChainHead, body: Readonly<Record<string, unknown>>): { readonly text: string; readonly head: ChainHead } {
  const seq = head.seq + 1;
  const sealed = toJsonLine({ seq, ...body, prev: head.hash }).slice(0, -1);
  const hash = sha256(sealed);
  return { text: `${sealed},"hash":"${hash}"}`, head: { seq, hash } };
}

/** What a line says, if its own hash holds; `undefined` if it does not. */
export function readChainLine(text: string): (ChainHead & { readonly prev: string; readonly body: Readonly<Record<string, unknown>> }) | undefined {
  const match = /^(\{.*),"hash":"([0-9a-f]{64})"\}$/s.exec(text);
  const [, sealed, hash] = match ?? [];
  if (sealed === undefined || hash === undefined || sha256(sealed) !== hash) return undefined;
  const body = JSON.parse(`${sealed}}`) as Readonly<Record<string, unknown>>;
  const { seq, prev } = body;
  return typeof seq === 'number' && typeof prev === 'string' ? { seq, hash, prev, body } : undefined;
}

export type ChainVerdict = { readonly ok: true; readonly head: ChainHead } | { readonly ok: false; readonly line: number; readonly reason: string };

/** Checks a whole chain, lines without their newlines; the first line that does not fit is named, counted from 1. `O(bytes)`. */
export function verifyChain(lines: Iterable<string>): ChainVerdict {
  let head = emptyChain;
  let number = 0;
  for (const text of lines) {
    number++;
    const line = readChainLine(text);
    if (line === undefined) return { ok: false, line: number, reason: 'its hash does not fit its text' };
    if (line.prev !== head.hash || line.seq !== head.seq + 1) return { ok: false, line: number, reason: 'it does not follow the line before it' };
    head = line;
  }
  return { ok: true, head: { seq: head.seq, hash: head.hash } };
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

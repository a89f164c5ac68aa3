/** Errors on the wire: a code that is ours, a message and plain details, escaped and cut on both sides. No stack, no foreign object. */
import { AssertionError, isSyncError, SyncError, type SyncErrorDetails, syncErrorFromJSON } from '@ubos/sync-core';
import { errorTextMax } from './limits.ts';
import { failureCode } from './messages/words.ts';
import { listOf, Malformed, record, type Shape, text } from './shape.ts';
import { escapeText } from './text.ts';

export interface WireError {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, WireErrorDetail>>;
}

export type WireErrorDetail = string | number | boolean | null | readonly string[];

const detailKeysMax = 32;
const detailListMax = 32;

const detail: Shape<WireErrorDetail> = (value, at) => {
  if (Array.isArray(value)) return listOf(text(errorTextMax), detailListMax)(value, at);
  if (typeof value === 'string') return text(errorTextMax)(value, at);
  if (value === null || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw new Malformed(`${at} is no plain fact`);
};

export const wireError: Shape<WireError> = record<WireError>({
  code: failureCode,
  message: text(errorTextMax),
  details: (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Malformed(`${at} is not a record`);
    const entries = Object.entries(value);
    if (entries.length > detailKeysMax) throw new Malformed(`${at} has too many facts`);
    return Object.fromEntries(entries.map(([key, fact]) => [key, detail(fact, at)]));
  },
});

/** What may be told of a failure here. Anything that is not a `SyncError` is an accident of this machine (`SYNC_IO`) or a mistake of ours (`SYNC_INTERNAL`), and its first words. */
export function errorToWire(error: unknown): WireError {
  if (isSyncError(error)) return { code: error.code, message: escapeText(error.message, errorTextMax), details: plainDetails(error.details) };
  if (error instanceof Error && error.name === 'AbortError') return { code: 'SYNC_INTERRUPTED', message: 'interrupted', details: {} };
  const message = error instanceof Error ? error.message : 'unknown failure';
  const errno = (error as { readonly code?: unknown } | undefined)?.code;
  const code = typeof errno === 'string' || !isMistake(error) ? 'SYNC_IO' : 'SYNC_INTERNAL';
  return { code, message: escapeText(message, errorTextMax), details: typeof errno === 'string' ? { errno: escapeText(errno, 64) } : {} };
}

function isMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError || error instanceof AssertionError;
}

/** The peer's failure as ours. Escaped again: what the peer claims to have escaped is only a claim. */
export function errorFromWire({ code, message, details }: WireError): SyncError {
  return syncErrorFromJSON({ code, message: escapeText(message, errorTextMax), details: plainDetails(details) });
}

function plainDetails(details: SyncErrorDetails): Record<string, WireErrorDetail> {
  const plain: Record<string, WireErrorDetail> = {};
  for (const [key, value] of Object.entries(details).slice(0, detailKeysMax)) {
    if (value === undefined || !/^[A-Za-z][A-Za-z0-9]{0,63}$/.test(key)) continue;
    if (typeof value === 'string') plain[key] = escapeText(value, errorTextMax);
    else if (Array.isArray(value)) plain[key] = value.slice(0, detailListMax).map((item: unknown) => escapeText(String(item), errorTextMax));
    else if (value === null || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) plain[key] = value;
  }
  return plain;
}

/** The peer broke the protocol: a bug or an attack, and the end of the connection either way. */
export function violation(what: string, details: SyncErrorDetails = {}): SyncError {
  return new SyncError('SYNC_PROTOCOL', `the other side broke the protocol: ${what}`, details);
}

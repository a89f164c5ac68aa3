/** JSON values of services, as text in a message. */
import { type Parsed, SyncError } from '@ubos/sync-core';
import { jsonLengthMax } from './messages/requests.ts';

/** Throws for what JSON cannot say (`BigInt`, a cycle) and for what does not fit into a message. */
export function stringifyJson(value: unknown): string {
  const json = JSON.stringify(value) ?? 'null';
  if (json.length > jsonLengthMax)
    throw new SyncError('SYNC_USAGE', `a value of ${json.length} characters does not fit into a message; answer in parts`);
  return json;
}

/** A key that would reach into prototypes when the value is merged somewhere is refused, as is nesting beyond what can be walked. */
export function parseJson(json: string): Parsed<unknown> {
  try {
    return { ok: true, value: JSON.parse(json, refuseProto) as unknown };
  } catch {
    return { ok: false, error: 'a value that is not JSON' };
  }
}

function refuseProto(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new SyntaxError('a key that no value has');
  return value;
}

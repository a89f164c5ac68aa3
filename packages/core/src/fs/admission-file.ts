import type { AdmissionRecord } from '../engine/admission.ts';
import type { DiskDirectory } from '../engine/disk.ts';
import { readWholeFile } from './atomic-write.ts';

/**
 * The gate's word about a root, `.ubos-sync/gate/admission.json`: written by the gate, read by whoever is about to change the root.
 * `undefined`: no gate has spoken. One that cannot be read is a closed gate without an end: better nothing is changed than something in a window that
 * was closed.
 */
export function readAdmission(gateFolder: DiskDirectory | undefined): AdmissionRecord | undefined {
  const bytes = gateFolder && readWholeFile(gateFolder, admissionName, bytesMax);
  return bytes && (parseAdmission(bytes) ?? unreadable);
}

const admissionName = 'admission.json';
const bytesMax = 65_536;

const unreadable: AdmissionRecord = {
  by: 'unknown',
  state: 'closed',
  reason: `.ubos-sync/gate/${admissionName} cannot be read`,
  untilMs: Number.MAX_SAFE_INTEGER,
};

function parseAdmission(bytes: Uint8Array): AdmissionRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { by, state, reason, untilMs } = value as Readonly<Record<string, unknown>>;
  if (typeof by !== 'string' || typeof reason !== 'string' || (state !== 'open' && state !== 'closed')) return undefined;
  return typeof untilMs === 'number' && Number.isSafeInteger(untilMs) ? { by, state, reason, untilMs } : undefined;
}

/**
 * Whether a root may be applied to now. The gate (federation) writes it, everybody who is about to change the root reads it:
 * the engine before every batch and the replica itself, whoever started the run.
 */
export interface AdmissionRecord {
  /** The gate or alignment that speaks. */
  readonly by: string;
  readonly state: 'open' | 'closed';
  readonly reason: string;
  /** Wall-clock end of the lease, milliseconds since 1970; an `open` that has run out is closed. */
  readonly untilMs: number;
}

/** Admission is asked for only where the profile requires it; then no record is a closed gate. A `closed` record holds until it has run out, required or not. */
export function isAdmitted(record: AdmissionRecord | undefined, required: boolean, nowMs: number): boolean {
  if (record === undefined || nowMs >= record.untilMs) return !required;
  return record.state === 'open';
}

/** Time and identity, passed in, so that runs can be replayed. */
export interface Clock {
  /** Milliseconds since 1970, as the machine's wall clock says. Decides nothing about content; names and stamps only. */
  nowMs(): number;
  /** Milliseconds since some start; never goes back. For time-outs and durations. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with `signal.reason` on abort. */
  delay(ms: number, signal?: AbortSignal): Promise<void>;
  /** A new identifier: for runs, replicas, nonces. */
  newId(): string;
}

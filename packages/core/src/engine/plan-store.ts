/** Where sealed plans are kept: texts under the SHA-256 of their bytes. The engine knows neither the disk nor the hash. */
export interface PlanStore {
  /** Keeps a plan for some days, durably before it resolves; one that is kept already is as new. `undefined`: there is no place for it yet. */
  put(text: string): Promise<PlanName | undefined>;
  /**
   * The plan of this id, of its whole hash, or of a beginning of that which only one plan has; proved by its hash.
   * `SYNC_PLAN_UNKNOWN`: none, or more than one. `SYNC_PLAN_DAMAGED`.
   */
  get(id: string): Promise<KeptPlan>;
}

export interface PlanName {
  /** For people: the first 16 hexadecimal digits of the hash. */
  readonly id: string;
  /** SHA-256 of the plan's canonical form, hexadecimal. */
  readonly hash: string;
}

export interface KeptPlan extends PlanName {
  readonly text: string;
}

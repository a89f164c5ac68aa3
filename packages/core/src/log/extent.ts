/** A range of bytes of a log: from `start` up to, not including, `end`. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

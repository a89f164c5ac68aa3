/** A range of bytes of a log: from `start` up to, not including, `end`. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

export function extentBytes({ start, end }: Extent): number {
  return end - start;
}

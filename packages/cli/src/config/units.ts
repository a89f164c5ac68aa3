/** Durations, sizes and limits as people write them in the config and on the command line. */
import type { Limit } from '@ubos/sync-core';

/** One number and one unit: `90s`, `5m`, `1h`, `30d`. Written as a source so that the JSON Schema says the same. */
export const durationPattern: RegExp = /^\d+(?:\.\d+)?(?:ms|s|m|h|d)$/;

/** One number and one unit: `64KiB`, `1MB`. Decimal (`kB`, `KB`, `MB`) counts in thousands, binary (`KiB`) in 1,024s. */
export const sizePattern: RegExp = /^\d+(?:\.\d+)?(?:B|[kK]B|[MGT]B|[KMGT]iB)$/;

/** `25%`, at most `100%`. */
export const sharePattern: RegExp = /^(?:100(?:\.0+)?|\d{1,2}(?:\.\d+)?)%$/;

/** Milliseconds; `undefined` if the text is no duration. */
export function parseDuration(text: string): number | undefined {
  return durationPattern.test(text) ? scaled(text, millisecondsByUnit) : undefined;
}

/** Bytes, rounded down; `undefined` if the text is no size. */
export function parseSize(text: string): number | undefined {
  return sizePattern.test(text) ? Math.floor(scaled(text, bytesByUnit)) : undefined;
}

/** A share of the files, or a plain number of them; `undefined` if it is neither. */
export function parseLimit(value: string | number): Limit | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? { count: value } : undefined;
  return sharePattern.test(value) ? { share: Number(value.slice(0, -1)) / 100 } : undefined;
}

const millisecondsByUnit: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const bytesByUnit: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1e3],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
]);

function scaled(text: string, unitValues: ReadonlyMap<string, number>): number {
  const unitAt = text.search(/[A-Za-z]/);
  return Number(text.slice(0, unitAt)) * (unitValues.get(text.slice(unitAt)) ?? Number.NaN);
}

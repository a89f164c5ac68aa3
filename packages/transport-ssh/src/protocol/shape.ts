/**
 * Shapes: what a message must look like, field by field. A shape takes a value from the wire and returns it as ours, made anew, or throws {@link Malformed}
 * with the place. Nothing is converted, nothing unknown is let through.
 */
import type { Parsed } from '@ubos/sync-core';

export type Shape<T> = (value: unknown, at: string) => T;

export class Malformed extends Error {}

export function parseShape<T>(shape: Shape<T>, value: unknown): Parsed<T> {
  try {
    return { ok: true, value: shape(value, 'message') };
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, error: error.message };
    throw error;
  }
}

/** An object with these fields and no others. Absent and nil are the same: `undefined`, and the field's shape says whether it may be. */
export function record<T extends object>(fields: { readonly [Field in keyof Required<T>]: Shape<T[Field]> }): Shape<T> {
  const shapes = Object.entries(fields) as [string, Shape<unknown>][];
  const known = new Set(Object.keys(fields));
  return (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value))
      throw new Malformed(`${at} is not a record`);
    for (const key of Object.keys(value)) if (!known.has(key)) throw new Malformed(`${at} has a field that it cannot have`);
    const parsed: Record<string, unknown> = {};
    for (const [key, shape] of shapes) {
      const field = shape((value as Record<string, unknown>)[key] ?? undefined, `${at}.${key}`);
      if (field !== undefined) parsed[key] = field;
    }
    return parsed as T;
  };
}

/** One of several records, told apart by their field `type`. */
export function variants<T extends { readonly type: string }>(
  shapes: { readonly [Type in T['type']]: Shape<Extract<T, { readonly type: Type }>> },
): Shape<T> {
  const byType = new Map(Object.entries(shapes) as [string, Shape<T>][]);
  return (value, at) => {
    const type = typeof value === 'object' && value !== null ? (value as { readonly type?: unknown }).type : undefined;
    const shape = typeof type === 'string' ? byType.get(type) : undefined;
    if (shape === undefined) throw new Malformed(`${at} is of no type that fits here`);
    return shape(value, `${type as string}`);
  };
}

export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, at) => (value === undefined || value === null ? undefined : shape(value, at));
}

export function listOf<T>(shape: Shape<T>, lengthMax: number): Shape<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value) || value.length > lengthMax) throw new Malformed(`${at} is not a list of at most ${lengthMax}`);
    return value.map((item: unknown, index) => shape(item, `${at}[${index}]`));
  };
}

export function literal<const T extends string>(...texts: readonly T[]): Shape<T> {
  return (value, at) => {
    if (!texts.includes(value as T)) throw new Malformed(`${at} is not one of ${texts.join(', ')}`);
    return value as T;
  };
}

export const flag: Shape<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw new Malformed(`${at} is not true or false`);
  return value;
};

/** A whole number from 0. */
export function natural(max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, at) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max)
      throw new Malformed(`${at} is not a number from 0 to ${max}`);
    return value + 0;
  };
}

/** Milliseconds, with their fraction; any time that a date can name. */
export const milliseconds: Shape<number> = (value, at) => {
  if (typeof value !== 'number' || !(Math.abs(value) <= 8.64e15)) throw new Malformed(`${at} is not a time`);
  return value;
};

export function share(value: unknown, at: string): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) throw new Malformed(`${at} is not a share from 0 to 1`);
  return value;
}

export function text(lengthMax: number): Shape<string> {
  return (value, at) => {
    if (typeof value !== 'string' || value.length > lengthMax) throw new Malformed(`${at} is not a text of at most ${lengthMax} characters`);
    return value;
  };
}

export function textLike<T extends string = string>(pattern: RegExp, what: string): Shape<T> {
  return (value, at) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw new Malformed(`${at} is not ${what}`);
    return value as T;
  };
}

/** Bytes in whole items of `itemBytes`. */
export function bytes(lengthMax: number, itemBytes = 1): Shape<Buffer> {
  return (value, at) => {
    if (!Buffer.isBuffer(value) || value.length > lengthMax || value.length % itemBytes !== 0)
      throw new Malformed(`${at} is not at most ${lengthMax} bytes, ${itemBytes} an item`);
    return value;
  };
}

/** Checked further on, by what it is handed to. */
export const anything: Shape<unknown> = (value) => value;

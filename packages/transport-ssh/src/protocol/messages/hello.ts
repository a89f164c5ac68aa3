import { listOf, Malformed, natural, record, type Shape, text } from '../shape.ts';
import { token } from './words.ts';

/** The first message of each side. What is in it besides the version may change with the version. */
export interface Hello {
  readonly version: number;
  /** Version of this program. */
  readonly engine: string;
  readonly node: string;
  readonly platform: string;
  readonly host: string;
  /** What else this end can do, by name; used where both have it. */
  readonly features: readonly string[];
  readonly streamsMax: number;
}

export const hello: Shape<Hello> = record<Hello>({
  version: natural(0xffff),
  engine: text(64),
  node: text(64),
  platform: text(64),
  host: text(256),
  features: listOf(token(), 64),
  streamsMax: streamsShape,
});

function streamsShape(value: unknown, at: string): number {
  const streams = natural(65_536)(value, at);
  if (streams < 8) throw new Malformed(`${at} is too small to work with`);
  return streams;
}

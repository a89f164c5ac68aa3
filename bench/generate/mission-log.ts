/**
 * The mission log: JSONL of an exact number of lines and bytes, the same on every machine, that compresses about as real logs do.
 *
 * Real logs compress well but not absurdly: most of a line repeats (keys, event names, templates), some of it never does (times, trace ids, figures).
 * Each line's length is fixed beforehand, so that the total is exact; the message is cut or filled to fit.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { createRandom } from './random.ts';

export interface MissionLogSize {
  readonly lines: number;
  readonly bytes: number;
}

/** The log that the system was asked for with: 552 MiB, 2.2 million lines. */
export const fullMissionLog: MissionLogSize = { lines: 2_240_494, bytes: 579_153_708 };

/** A log of the same kind of about `bytes` bytes. */
export function missionLogOf(bytes: number): MissionLogSize {
  return { bytes, lines: Math.max(1, Math.round((bytes * fullMissionLog.lines) / fullMissionLog.bytes)) };
}

/** Pieces of about 4 MiB, in order. `firstLine` numbers the lines, for a log that goes on where another ended. */
export function* generateMissionLog(
  { lines, bytes }: MissionLogSize,
  { seed = 7, firstLine = 0 }: { readonly seed?: number; readonly firstLine?: number } = {},
): Iterable<Buffer> {
  const random = createRandom(seed + firstLine);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const average = bytes / lines;
  const spread = Math.floor(average / 12);
  let timeMs = Date.UTC(2025, 8, 1) + firstLine * 977;
  let end = 0;
  let shift = 0;
  let chunk: string[] = [];
  let chunkBytes = 0;
  for (let index = 0; index < lines; index++) {
    // The line ends where an even share would end, give or take a shift that is zero again after the last line.
    const nextShift = index === lines - 1 ? 0 : Math.floor((random() * 2 - 1) * spread);
    const nextEnd = Math.round((index + 1) * average) + nextShift;
    const length = nextEnd - end;
    end = nextEnd;
    shift = nextShift;
    timeMs += Math.floor(random() * 1954);
    chunk.push(lineOf(length, firstLine + index, timeMs, random, pick));
    chunkBytes += length;
    if (chunkBytes >= 4 * 1024 * 1024) {
      yield Buffer.from(chunk.join(''), 'latin1');
      chunk = [];
      chunkBytes = 0;
    }
  }
  if (shift !== 0 || end !== bytes) throw new Error('the lengths do not add up');
  if (chunk.length > 0) yield Buffer.from(chunk.join(''), 'latin1');
}

export function writeMissionLog(path: string, size: MissionLogSize): void {
  const file = openSync(path, 'w');
  try {
    for (const piece of generateMissionLog(size)) writeSync(file, piece);
  } finally {
    closeSync(file);
  }
}

function lineOf(length: number, index: number, timeMs: number, random: () => number, pick: <T>(from: readonly T[]) => T): string {
  const trace = Math.floor(random() * 0xffff_ffff)
    .toString(16)
    .padStart(8, '0');
  const head = `{"timestamp":"${new Date(timeMs).toISOString()}","seq":${index},"node":"${pick(nodes)}","level":"${pick(levels)}","mission":"${pick(missions)}","event":"${pick(events)}","duration_ms":${Math.floor(random() * 4000)},"trace":"${trace}","message":"`;
  const tail = '"}\n';
  let message = '';
  const room = length - head.length - tail.length;
  if (room < 0) throw new Error(`a line of ${length} bytes is too short for its fields`);
  while (message.length < room) message += `${pick(phrases)} ${Math.floor(random() * 900)}; `;
  return head + message.slice(0, room) + tail;
}

const nodes = ['balaur', 'balaur', 'balaur', 'oradea', 'lyra'];
const levels = ['INFO', 'INFO', 'INFO', 'INFO', 'DEBUG', 'WARN', 'ERROR'];
const missions = Array.from({ length: 40 }, (_, index) => `mission-${String(index * 7 + 11).padStart(4, '0')}`);
const events = [
  'step.started',
  'step.completed',
  'proposal.read',
  'proposal.scored',
  'tool.called',
  'tool.returned',
  'heartbeat',
  'sandbox.enter',
  'sandbox.leave',
  'state.saved',
];
const phrases = [
  'mission step accepted by the throttle with score',
  'tool executor finished in the sandbox, exit status 0, bytes written',
  'proposal engine considered alternatives and kept candidate',
  'no change since the last heartbeat, waiting for',
  'context window compacted, tokens kept',
  'rate limit of the local model reached, retry in ms',
  'constitutional check passed, articles consulted',
  'reading COMMS_HUB inbox, unread messages',
];

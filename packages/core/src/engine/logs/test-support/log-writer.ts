/** A log that is written and rotated, and what may happen to those who pull it. */
import { createMemoryLogFile, type MemoryLogFile, type MemoryLogSink } from '../../../testing/memory-log.ts';
import type { LogSink, OpenLog } from '../log-sink.ts';
import type { LogSource } from '../log-source.ts';

/** One writer, what is beside its log, and the lines that it has ever written. */
export function createLogWriter(name: string) {
  const file = createMemoryLogFile(new Uint8Array(0));
  const beside = new Map<string, MemoryLogFile>();
  let written: string[] = [];
  let inodes = 1;
  let days = 20_261_100;
  const shift = (): void => {
    for (let number = beside.size; number >= 1; number--) {
      const each = beside.get(`${name}.${number}`);
      if (each === undefined) continue;
      beside.delete(`${name}.${number}`);
      beside.set(`${name}.${number + 1}`, each);
    }
  };
  return {
    file,
    beside,
    lines: (): string => written.join(''),
    append(count: number): void {
      for (let each = 0; each < count; each++) {
        const line = `{"ts":"2026-11-22T00:00:00Z","n":${written.length},"text":"${'x'.repeat(written.length % 90)}"}\n`;
        written.push(line);
        file.bytes = Buffer.concat([file.bytes ?? new Uint8Array(0), Buffer.from(line)]);
      }
    },
    /** As logrotate does it: numbers go up, or the day is put behind. */
    rename(dated = false): void {
      if (dated) beside.set(`${name}-${days++}`, { ...file });
      else {
        shift();
        beside.set(`${name}.1`, { ...file });
      }
      file.bytes = new Uint8Array(0);
      file.inode = ++inodes;
    },
    /** Lines that are written between the copy and the truncation are lost, by whoever rotates. */
    copyTruncate(between = 0): void {
      shift();
      beside.set(`${name}.1`, createMemoryLogFile(file.bytes?.slice()));
      (beside.get(`${name}.1`) as MemoryLogFile).inode = ++inodes;
      this.append(between);
      if (between > 0) written = [...written.slice(0, -between), ...written.slice(-between).map(() => '')];
      file.bytes = new Uint8Array(0);
    },
    pack(of: string): void {
      const plain = beside.get(of);
      if (plain === undefined) throw new TypeError(of);
      beside.delete(of);
      beside.set(`${of}.gz`, { bytes: Buffer.from('packed'), inode: ++inodes });
    },
  };
}

/** All that the sink has, in the order of the generations. */
export function collected({ kept, file }: MemoryLogSink): string {
  return [...kept.values(), file.bytes ?? new Uint8Array(0)].map((bytes) => Buffer.from(bytes).toString()).join('');
}

export const death = new Error('the process died here');

/** Something happens before some of the questions, each time but once. */
export function interrupted(source: LogSource, at: readonly number[], happens: (nth: number) => void): LogSource {
  let asked = 0;
  const next = (): void => {
    if (at.includes(asked)) happens(asked);
    asked++;
  };
  return {
    ...source,
    facts(request) {
      next();
      return source.facts(request);
    },
    read(request) {
      next();
      return source.read(request);
    },
    follow(request) {
      next();
      return source.follow(request);
    },
    generations(request) {
      next();
      return source.generations(request);
    },
  };
}

/** A sink whose process dies before its nth change. */
export function dyingSink(sink: LogSink, nth: number | undefined): LogSink {
  let changes = 0;
  const mayDie = (): void => {
    if (changes++ === nth) throw death;
  };
  return {
    ...sink,
    hash: sink.hash,
    async open(options) {
      const log = await sink.open(options);
      const mortal: OpenLog = {
        get cursor() {
          return log.cursor;
        },
        get local() {
          return log.local;
        },
        digests: (extents, signal) => log.digests(extents, signal),
        read: (extent) => log.read(extent),
        async begin(progress, sizeBytes) {
          mayDie();
          await log.begin(progress, sizeBytes);
        },
        append(bytes) {
          mayDie();
          log.append(bytes);
        },
        async sync(progress) {
          mayDie();
          await log.sync(progress);
        },
        async save(progress) {
          mayDie();
          await log.save(progress);
        },
        async retire(onRotate, isFinished) {
          mayDie();
          return log.retire(onRotate, isFinished);
        },
        release: () => log.release(),
      };
      return mortal;
    },
  };
}

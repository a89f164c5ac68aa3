import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { textOutput } from './io.ts';
import { stopOnSignals } from './signals.ts';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

describe('signals', () => {
  const before = new Map(names.map((name) => [name, process.listeners(name)]));
  afterEach(() => {
    for (const name of names)
      for (const listener of process.listeners(name)) if (before.get(name)?.includes(listener) === false) process.off(name, listener);
  });

  it.each(names)('%s stops cleanly, a second one at once', (name) => {
    const exits: number[] = [];
    const signal = stopOnSignals((code) => exits.push(code));
    process.emit(name);
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'SYNC_INTERRUPTED', message: `stopped by ${name}` });
    expect(exits).toEqual([]);
    process.emit('SIGTERM');
    expect(exits).toEqual([3]);
  });
});

describe('output', () => {
  it('is quiet when nobody reads it any more', () => {
    const stream = new PassThrough();
    const written: string[] = [];
    stream.on('data', (data: Buffer) => written.push(data.toString()));
    const output = textOutput(stream as unknown as NodeJS.WriteStream);
    output.write('one');
    stream.emit('error', Object.assign(new Error('gone'), { code: 'EPIPE' }));
    output.write('two');
    expect(written).toEqual(['one']);
  });

  it('does not hide another failure', () => {
    const stream = new PassThrough();
    textOutput(stream as unknown as NodeJS.WriteStream);
    expect(() => stream.emit('error', Object.assign(new Error('full'), { code: 'ENOSPC' }))).toThrow('full');
  });

  it('has 80 columns where the terminal does not know', () => {
    expect(textOutput(Object.assign(new PassThrough(), { columns: 0 }) as unknown as NodeJS.WriteStream).columns).toBe(80);
  });
});

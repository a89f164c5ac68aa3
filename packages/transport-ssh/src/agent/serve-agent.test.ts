import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Connection, connectOver } from '../protocol/connect.ts';
import { type ServeAgentOptions, serveAgent } from './serve-agent.ts';

let folder: string;
let root: string;
let connection: Connection;
let served: Promise<void>;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'ubos-sync-serve-agent-')));
  root = join(folder, 'root');
  mkdirSync(join(root, 'logs/old'), { recursive: true });
  for (const path of ['root/a.jsonl', 'root/logs/b.jsonl', 'root/logs/old/c.jsonl', 'root/logs/d.txt', 'outside.jsonl'])
    writeFileSync(join(folder, path), 'line\n');
  symlinkSync(join(folder, 'outside.jsonl'), join(root, 'logs/link.jsonl'));
  symlinkSync(folder, join(root, 'up'));
});
afterEach(async () => {
  await connection.close();
  await served;
  rmSync(folder, { recursive: true });
});

const serve = async (options: ServeAgentOptions): Promise<void> => {
  const [up, down] = [new PassThrough(), new PassThrough()];
  served = serveAgent({ readable: up, writable: down }, options);
  connection = await connectOver({ readable: down, writable: up });
};
const sizeOf = async (path: string): Promise<number | undefined> => (await connection.log(path).facts({ extents: [] })).stat?.sizeBytes;

describe('logs of an agent that is bound to a root', () => {
  it('are those inside the root', async () => {
    await serve({ root });
    expect(await sizeOf('a.jsonl')).toBe(5);
    expect(await sizeOf('logs/old/c.jsonl')).toBe(5);
    expect(await sizeOf(join(root, 'logs/b.jsonl'))).toBe(5);
    expect(await sizeOf('logs/none.jsonl')).toBeUndefined();
  });

  it.each(['../outside.jsonl', 'logs/../../outside.jsonl', 'logs/link.jsonl', 'up/outside.jsonl', '/etc/passwd', '~/.ssh/known_hosts', '.'])(
    'are not %s',
    async (path) => {
      await serve({ root });
      await expect(sizeOf(path)).rejects.toMatchObject({ code: 'SYNC_DENIED' });
    },
  );

  it.each<[readonly string[], readonly string[], readonly string[]]>([
    [['logs/*.jsonl'], ['logs/b.jsonl'], ['a.jsonl', 'logs/d.txt', 'logs/old/c.jsonl', 'logs/link.jsonl', '../outside.jsonl']],
    [['*.jsonl'], ['a.jsonl', 'logs/old/c.jsonl'], ['logs/d.txt', '../outside.jsonl', 'up/outside.jsonl']],
    [[], [], ['a.jsonl']],
  ])('are those that %j names', async (logs, given, denied) => {
    await serve({ root, logs });
    for (const path of given) expect(await sizeOf(path)).toBe(5);
    for (const path of denied) await expect(sizeOf(path)).rejects.toMatchObject({ code: 'SYNC_DENIED' });
  });

  it('are also those outside that an absolute pattern names', async () => {
    await serve({ root, logs: [`${folder}/*.jsonl`] });
    expect(await sizeOf(join(folder, 'outside.jsonl'))).toBe(5);
    expect(await sizeOf('up/outside.jsonl')).toBe(5);
    await expect(sizeOf('a.jsonl')).rejects.toMatchObject({ code: 'SYNC_DENIED' });
  });
});

describe('lists of logs of an agent that is bound to a root', () => {
  it('hold those that may be read, and follow no link', async () => {
    await serve({ root });
    expect(await connection.logNames('logs', '*.jsonl')).toEqual(['b.jsonl']);
    expect(await connection.logNames('.', '*')).toEqual(['a.jsonl']);
    expect(await connection.logNames(join(root, 'logs/old'), '*')).toEqual(['c.jsonl']);
    expect(await connection.logNames('logs/none', '*')).toEqual([]);
  });

  it.each(['..', 'logs/../..', 'up', '/etc', '~', '/', '/root', '/none'])('say nothing of %s', async (outside) => {
    await serve({ root });
    expect(await connection.logNames(outside, '*')).toEqual([]);
  });

  it.each<[readonly string[], string, readonly string[]]>([
    [['logs/*.jsonl'], 'logs', ['b.jsonl']],
    [['d.txt'], 'logs', ['d.txt']],
    [[], 'logs', []],
    [['logs/*.jsonl'], '..', []],
  ])('hold of those that %j names the ones in %s', async (logs, where, names) => {
    await serve({ root, logs });
    expect(await connection.logNames(where, '*')).toEqual(names);
  });

  it('hold those outside that an absolute pattern names', async () => {
    await serve({ root, logs: [`${folder}/*.jsonl`] });
    expect(await connection.logNames(folder, '*')).toEqual(['outside.jsonl']);
    expect(await connection.logNames('up', '*')).toEqual(['outside.jsonl']);
  });

  it('are refused for what is no pattern of names', async () => {
    await serve({ root });
    await expect(connection.logNames('.', 'logs/*')).rejects.toMatchObject({ code: 'SYNC_USAGE' });
    await expect(connection.logNames('logs', '{a,b}')).rejects.toThrow(TypeError);
  });
});

describe('logs of an agent with its user’s rights', () => {
  it('are all that it can read, by an absolute path', async () => {
    await serve({});
    expect(await sizeOf(join(folder, 'outside.jsonl'))).toBe(5);
    await expect(sizeOf('a.jsonl')).rejects.toMatchObject({ code: 'SYNC_USAGE' });
    expect(await connection.logNames(folder, '*')).toEqual(['outside.jsonl']);
    await expect(connection.logNames('logs', '*')).rejects.toMatchObject({ code: 'SYNC_USAGE' });
  });
});

describe('the root of an agent', () => {
  it('is the one that it is bound to', async () => {
    await serve({ root });
    expect(await (await connection.replica()).identify()).toMatchObject({ path: root, root: 'directory' });
    expect(await (await connection.replica({ root: join(root, 'logs/..') })).identify()).toMatchObject({ path: root });
  });

  it('is no other one when it is bound', async () => {
    await serve({ root });
    for (const other of [folder, join(root, 'logs'), '/', '~', join(root, 'up')]) {
      await expect(connection.replica({ root: other })).rejects.toMatchObject({ code: 'SYNC_DENIED' });
    }
  });

  it('is the one that is asked for when it is not', async () => {
    await serve({});
    expect(await (await connection.replica({ root })).identify()).toMatchObject({ path: root });
    await expect(connection.replica()).rejects.toMatchObject({ code: 'SYNC_USAGE' });
  });

  it('is not changed when it is given away for reading', async () => {
    await serve({ root, readOnly: true });
    const replica = await connection.replica();
    expect(replica.capabilities.readOnly).toBe(true);
    await expect(replica.establish()).rejects.toMatchObject({ code: 'SYNC_READ_ONLY' });
  });
});

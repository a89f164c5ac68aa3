import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Replica } from '../engine/replica.ts';
import { runSync, type SyncOptions } from '../engine/run-sync.ts';
import { defaultSyncSettings } from '../engine/sync-settings.ts';
import { createFsReplica } from './fs-replica.ts';
import { systemClock } from './system-clock.ts';

let base: string;
let path: string;
let file: string;
let replica: Replica;

beforeEach(async () => {
  base = mkdtempSync(join(tmpdir(), 'ubos-sync-guards-'));
  path = join(base, 'here');
  file = join(path, '.ubos-sync/guards/own.json');
  mkdirSync(path);
  replica = await open(path);
});

afterEach(async () => {
  await replica.close();
  rmSync(base, { recursive: true });
});

function open(root: string): Promise<Replica> {
  return createFsReplica(root, { stateMirror: false });
}

function set(from: string, patterns: readonly string[]): Promise<void> | undefined {
  return replica.ownGuards?.set(from, patterns);
}

async function guards(): Promise<readonly string[] | undefined> {
  return (await (await open(path)).identify()).guards;
}

describe("an end's own guards", () => {
  it('are kept for each config, and hold together', async () => {
    await set('a.yaml', ['/x', '/both']);
    await set('b.yaml', ['/y', '/both']);
    expect(await guards()).toEqual(['/both', '/x', '/y']);
    await set('a.yaml', ['/z']);
    expect(await guards()).toEqual(['/both', '/y', '/z']);
    await set('b.yaml', []);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ 'a.yaml': ['/z'] });
  });

  it('need neither a lock of the root nor a marker, and none is lost that is set at the same moment', async () => {
    const others = await Promise.all([open(path), open(path), open(path)]);
    await Promise.all(others.map(async (other, index) => other.ownGuards?.set(`${index}.yaml`, [`/log-${index}`])));
    expect(await guards()).toEqual(['/log-0', '/log-1', '/log-2']);
  });

  it('that are known are not written again', async () => {
    await set('a.yaml', ['/x', '/y']);
    const before = statSync(file, { bigint: true });
    await set('a.yaml', ['/y', '/x', '/y']);
    const { ino, ctimeNs } = statSync(file, { bigint: true });
    expect({ ino, ctimeNs }).toEqual({ ino: before.ino, ctimeNs: before.ctimeNs });
  });

  it('hold in a scan that knows nothing of them', async () => {
    writeFileSync(join(path, 'x'), 'stays');
    await set('a.yaml', ['/x']);
    expect((await replica.scan({ settings: defaultSyncSettings })).root).toMatchObject({ children: [], hasUntracked: true });
  });

  it.each([
    ['cut off', '{ "a.yaml": ["/x"', /not JSON/],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]), /not JSON/],
    ['a list without configs', '["/x"]', /not an object/],
    ['not all text', '{ "a.yaml": ["/x", 1] }', /not an object/],
    ['with a pattern that is none', '{ "a.yaml": ["!x"] }', /guard\[0\]/],
    ['with too many patterns', JSON.stringify({ 'a.yaml': Array.from({ length: 1_001 }, (_, index) => `/${index}`) }), /more than 1000/],
    ['too large', ' '.repeat(1024 * 1024 + 1), /larger than/],
  ])('are not taken for none where their list is damaged: %s', async (_, content, reason) => {
    await set('a.yaml', ['/x']);
    writeFileSync(file, content);
    const refused = { code: 'SYNC_STATE_UNSAFE', message: expect.stringMatching(reason) as string, details: { path: file } };
    await expect(replica.identify()).rejects.toMatchObject(refused);
    await expect(replica.scan({ settings: defaultSyncSettings })).rejects.toMatchObject(refused);
    await expect(set('a.yaml', ['/x'])).rejects.toMatchObject(refused);
  });

  it('that cannot be kept are refused, and those that are there stay', async () => {
    await set('a.yaml', ['/x']);
    const many = Array.from({ length: 1_000 }, (_, index) => `/${index}`);
    await expect(set('b.yaml', many)).rejects.toMatchObject({ code: 'SYNC_CONFIG_INVALID' });
    await expect(set('b.yaml', ['/'.padEnd(300, 'x')])).rejects.toMatchObject({ code: 'SYNC_CONFIG_INVALID' });
    expect(await guards()).toEqual(['/x']);
  });
});

describe('a run with guards', () => {
  const run = async (more: Partial<SyncOptions> = {}): Promise<unknown> => {
    const other = join(base, 'there');
    mkdirSync(other, { recursive: true });
    const beta = await open(other);
    const options = { alpha: replica, beta, names: { alpha: 'here', beta: 'there' }, profile: 'default', settings: defaultSyncSettings };
    return runSync({ ...options, guards: ['/x'], guardsFrom: 'a.yaml', dryRun: false, clock: systemClock, ...more });
  };

  it('keeps them before it looks at anything, so that they hold where it breaks off', async () => {
    const scan: Replica['scan'] = async () => {
      expect(await guards()).toEqual(['/x']);
      throw new Error('broken off');
    };
    await expect(run({ alpha: { ...replica, scan } })).rejects.toThrow('broken off');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ 'a.yaml': ['/x'] });
  });

  it('names them after the profile where nobody names the config', async () => {
    await run({ guardsFrom: undefined });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ default: ['/x'] });
  });

  it('keeps nothing where it is dry, and nothing at the other end', async () => {
    await run({ dryRun: true });
    expect(await guards()).toEqual([]);
    await run();
    expect((await (await open(join(base, 'there'))).identify()).guards).toEqual([]);
  });
});

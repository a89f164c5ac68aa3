/** Names that the file system of one side does not take, as FAT refuses `CON` and eCryptfs what is long; and names that cannot be carried at all. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Disk } from '../engine/disk.ts';
import type { SyncReport } from '../engine/report.ts';
import { runSync } from '../engine/run-sync.ts';
import { defaultSyncSettings } from '../engine/sync-settings.ts';
import { createFsReplica } from './fs-replica.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';
import { type DiskCall, wrapDisk } from './test-support/wrapped-disk.ts';

let base: string;
let alpha: string;
let beta: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'ubos-sync-names-'));
  [alpha, beta] = [join(base, 'alpha'), join(base, 'beta')];
  mkdirSync(alpha);
  mkdirSync(beta);
});
afterEach(() => rmSync(base, { recursive: true }));

/** A file system that refuses names: when they are to be made, or whenever they are so much as looked at. */
function refusing(errno: string, isRefused: (name: string) => boolean, looks: boolean) {
  const makes = new Set(['makeDirectory', 'symlink', 'rename', 'link', 'copyFile']);
  return wrapDisk(createNodeDisk(), ({ call, name, toName }: DiskCall) => {
    const asked = makes.has(call) ? (toName ?? name) : looks && call === 'lstat' ? name : undefined;
    if (asked !== undefined && isRefused(asked)) throw Object.assign(new Error(errno), { code: errno });
  });
}

it.each([
  ['EINVAL', false],
  ['EILSEQ', false],
  ['ENAMETOOLONG', true],
])('%s is a problem of the path, told again in each run; all else is done, and the name stays as it is', async (errno, looks) => {
  const disk = refusing(errno, (name) => /^(?:con|aux|link)/i.test(name), looks);
  const put = (path: string): void => {
    mkdirSync(dirname(join(alpha, path)), { recursive: true });
    writeFileSync(join(alpha, path), path);
  };
  for (const path of ['docs/CON.txt', 'docs/fine', 'aux/a/b', 'aux/c']) put(path);
  symlinkSync('fine', join(alpha, 'docs/link'));
  for (let turn = 0; turn < 2; turn++) {
    const report = await sync(disk);
    expect(report.outcome).toBe('partial');
    const refused = report.problems.filter(({ code }) => code === 'SYNC_NAME_REFUSED').map(({ path, side }) => `${side} ${path}`);
    expect(refused).toEqual(expect.arrayContaining(['beta aux', 'beta docs/CON.txt', 'beta docs/link']));
    expect(report.problems.filter(({ path }) => !/^(?:aux(?:\/|$)|docs\/CON|docs\/link)/.test(path))).toEqual([]);
    expect(readFileSync(join(beta, 'docs/fine'), 'utf8')).toBe('docs/fine');
    expect(existsSync(join(beta, 'aux'))).toBe(false);
    expect(existsSync(join(alpha, 'aux/a/b'))).toBe(true);
  }
});

it.runIf(process.platform === 'linux')('what is not UTF-8 is left alone, its folder is named in each run, and is not removed with it', async () => {
  const odd = Buffer.concat([Buffer.from(join(alpha, 'docs/old/')), Buffer.from([0x81, 0xfe])]);
  mkdirSync(join(alpha, 'docs/old'), { recursive: true });
  writeFileSync(odd, 'kept');
  writeFileSync(join(alpha, 'docs/old/fine'), 'fine');
  for (const change of [() => {}, () => rmSync(join(beta, 'docs'), { recursive: true }), () => {}]) {
    change();
    const report = await sync();
    expect(report.problems).toEqual([]);
    expect(report.notices).toMatchObject([
      { code: 'SYNC_NAME_NOT_UTF8', side: 'alpha', message: expect.stringMatching(/^1 name on left is not UTF-8.*\(in docs\/old\)$/) },
    ]);
    expect(readFileSync(odd, 'utf8')).toBe('kept');
  }
  expect(existsSync(join(alpha, 'docs/old/fine'))).toBe(false);
});

async function sync(disk?: Disk): Promise<SyncReport> {
  await using left = await createFsReplica(alpha, { stateMirror: false });
  await using right = await createFsReplica(beta, { stateMirror: false, disk });
  return await runSync({
    alpha: left,
    beta: right,
    names: { alpha: 'left', beta: 'right' },
    profile: 'default',
    settings: defaultSyncSettings,
    dryRun: false,
    durability: 'fast',
    clock: systemClock,
  });
}

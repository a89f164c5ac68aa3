import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { pairKey } from '../engine/archive-store.ts';
import type { DiskListing } from '../engine/disk.ts';
import type { Replica, ReplicaId, ScanBaseline, Transition } from '../engine/replica.ts';
import { defaultSyncSettings, toPairSettings } from '../engine/sync-settings.ts';
import { describeReplica } from '../testing/describe-replica.ts';
import type { Entry } from '../tree/entry.ts';
import { entryAt } from '../tree/lookup.ts';
import type { RelativePath } from '../tree/path.ts';
import { createFsReplica, type FsReplicaOptions } from './fs-replica.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';
import { aroundDisk } from './test-support/around-disk.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

function temp(): string {
  return mkdtempSync(join(tmpdir(), 'ubos-sync-replica-'));
}

describeReplica(
  'a folder of this machine',
  async () => {
    const path = temp();
    let stamp = 1_700_000_000;
    return {
      replica: await createFsReplica(path, { stateMirror: false }),
      async write(name, text, mode = 0o644) {
        const file = join(path, name);
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
        chmodSync(file, mode);
        utimesSync(file, ++stamp, stamp);
      },
      async makeDirectory(name) {
        mkdirSync(join(path, name), { recursive: true });
      },
      async remove(name) {
        rmSync(join(path, name), { recursive: true, force: true });
      },
      async read(name) {
        const file = join(path, name);
        return statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file, 'utf8') : undefined;
      },
      reopen: () => createFsReplica(path, { stateMirror: false }),
      async close() {
        rmSync(path, { recursive: true });
      },
    };
  },
  { describe, it, expect },
);

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function replicaAt(path: string, options: FsReplicaOptions = {}): Promise<Replica> {
  const replica = await createFsReplica(path, { stateMirror: false, ...options });
  open.push(() => replica.close());
  return replica;
}

function folder(): string {
  const path = temp();
  open.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const peer = 'ffffffff-ffff-4fff-bfff-ffffffffffff' as ReplicaId;
const settings = defaultSyncSettings;
const lockOptions = { waitMs: 0, initiator: 'test', run: 'run', dryRun: false };
const directory: Entry = { kind: 'directory', mode: 0o755, children: [] };

/** Gives a folder and the way to it to an ordinary user, and becomes that user: root may enter everything. */
async function asNobody(path: string, mode: number, body: () => Promise<void>): Promise<void> {
  const { seteuid, setegid } = process;
  const isRoot = process.getuid?.() === 0 && seteuid !== undefined && setegid !== undefined;
  if (isRoot) {
    chmodSync(dirname(path), 0o755);
    chownSync(path, 65_534, 65_534);
  }
  chmodSync(path, mode);
  try {
    if (isRoot) setegid(65_534);
    if (isRoot) seteuid(65_534);
    await body();
  } finally {
    if (isRoot) seteuid(0);
    if (isRoot) setegid(0);
    chmodSync(path, 0o700);
  }
}

function readlinkIfThere(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function at(path: string): RelativePath {
  return path as RelativePath;
}

function make(path: string): Transition {
  return { path: at(path), old: undefined, new: directory, peer: directory };
}

/** Everything below a folder with what would show a write: sizes and times of change. */
function fingerprint(path: string): readonly string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const { size, ctimeMs, mtimeMs, mode } = statSync(join(path, name));
      return [name, size, ctimeMs, mtimeMs, mode].join(' ');
    });
}

describe('a root', () => {
  it('that is missing, or no folder, is told and not made', async () => {
    const base = folder();
    const missing = await replicaAt(join(base, 'missing'));
    expect(await missing.identify()).toMatchObject({ id: undefined, root: 'missing', path: join(base, 'missing') });
    await expect(missing.scan({ settings })).rejects.toMatchObject({ code: 'SYNC_ROOT_MISSING' });
    await expect(missing.establish()).rejects.toMatchObject({ code: 'SYNC_ROOT_MISSING' });
    await expect(missing.lock(lockOptions)).rejects.toMatchObject({ code: 'SYNC_ROOT_MISSING' });
    writeFileSync(join(base, 'file'), '');
    const file = await replicaAt(join(base, 'file'));
    expect(await file.identify()).toMatchObject({ root: 'not-a-directory' });
    await expect(file.scan({ settings })).rejects.toMatchObject({ code: 'SYNC_ROOT_KIND' });
    expect(readdirSync(base)).toEqual(['file']);
  });

  for (const mode of [0o000, 0o300, 0o400]) {
    it(`that this user may not read or enter (${mode.toString(8).padStart(4, '0')}) is told as denied, with what to do`, async () => {
      const path = join(folder(), 'closed');
      mkdirSync(path);
      await asNobody(path, mode, async () => {
        const replica = await replicaAt(path);
        const denied = {
          code: 'SYNC_DENIED',
          message: expect.stringContaining(path),
          details: { path, errno: 'EACCES', hint: expect.stringContaining('chmod') },
        };
        await expect(replica.identify()).rejects.toMatchObject(denied);
        await expect(replica.scan({ settings })).rejects.toMatchObject(denied);
        await expect(replica.establish()).rejects.toMatchObject(denied);
        await expect(replica.lock(lockOptions)).rejects.toMatchObject(denied);
      });
    });
  }

  it('below a folder that this user may not enter is denied, not missing', async () => {
    const path = join(folder(), 'closed');
    mkdirSync(join(path, 'root'), { recursive: true });
    await asNobody(path, 0o600, async () => {
      const replica = await replicaAt(join(path, 'root'));
      await expect(replica.identify()).rejects.toMatchObject({ code: 'SYNC_DENIED', details: { path: join(path, 'root') } });
    });
  });

  it('that was replaced since the scan is not changed', async () => {
    const path = folder();
    const replica = await replicaAt(path);
    const pair = pairKey(await replica.establish(), peer, 'default');
    await replica.scan({ settings });
    renameSync(path, `${path}.away`);
    open.push(() => rmSync(`${path}.away`, { recursive: true }));
    mkdirSync(path);
    mkdirSync(join(path, '.ubos-sync'), { mode: 0o700 });
    await expect(replica.transition([make('d')], { run: 'run', pair, durability: 'fast' })).rejects.toMatchObject({ code: 'SYNC_ROOT_MISSING' });
    expect(readdirSync(path)).toEqual(['.ubos-sync']);
  });

  it('that is replaced in the middle of a run is noticed by the next call', async () => {
    const path = folder();
    const replica = await replicaAt(path);
    await replica.establish();
    const lock = await replica.lock(lockOptions);
    renameSync(path, `${path}.away`);
    open.push(() => rmSync(`${path}.away`, { recursive: true }));
    mkdirSync(path);
    await expect(replica.scan({ settings })).rejects.toMatchObject({ code: 'SYNC_ROOT_MISSING' });
    await lock.release();
  });

  it.runIf(existsSync('/proc/self/fd'))('is not kept open while it is not in use', async () => {
    const path = folder();
    const openInside = (): readonly string[] =>
      readdirSync('/proc/self/fd')
        .map((fd) => readlinkIfThere(`/proc/self/fd/${fd}`))
        .filter((target) => target.startsWith(path));
    const replica = await replicaAt(path);
    const pair = pairKey(await replica.establish(), peer, 'default');
    const lock = await replica.lock(lockOptions);
    await replica.scan({ settings });
    await replica.transition([make('d')], { run: 'run', pair, durability: 'full' });
    await replica.archive(pair).status();
    expect(openInside()).toContain(path);
    await lock.release();
    expect(openInside()).toEqual([]);
    for (const use of [() => replica.identify(), () => replica.scan({ settings }), () => replica.archive(pair).status(), () => replica.admission()]) {
      await use();
      expect(openInside()).toEqual([]);
    }
  });

  it('that loses its state folder during a run is not changed any more, and the lock can be released', async () => {
    const path = folder();
    const replica = await replicaAt(path);
    const pair = pairKey(await replica.establish(), peer, 'default');
    const lock = await replica.lock(lockOptions);
    await replica.scan({ settings });
    rmSync(join(path, '.ubos-sync'), { recursive: true });
    await expect(replica.transition([make('d')], { run: 'run', pair, durability: 'fast' })).rejects.toMatchObject({ code: 'SYNC_MARKER_MISSING' });
    await lock.release();
    expect(readdirSync(path)).toEqual([]);
  });
});

async function afterTurns<T>(turns: number, value: T): Promise<T> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  return value;
}

describe.each([
  ['known at once', (baseline: ScanBaseline) => baseline],
  ['known only when the tree was read', (baseline: ScanBaseline) => afterTurns(50, baseline)],
])('a scan with a baseline that is %s', (_when, give) => {
  const scanFrom = async (replica: Replica, before: Entry, hasDigest = true): ReturnType<Replica['scan']> => {
    const merkle = hasDigest && before.kind === 'directory' ? before.merkle : undefined;
    const pair = pairKey(await replica.establish(), peer, 'default');
    return replica.scan({ settings, baseline: give({ pair, generation: 1, digest: '', merkle, tree: () => Promise.resolve(before) }) });
  };

  it('says no more than that nothing has changed; the tree is the baseline itself', async () => {
    const path = folder();
    writeFileSync(join(path, 'a'), '1');
    const replica = await replicaAt(path);
    const before = (await replica.scan({ settings })).root as Entry;
    const same = await scanFrom(replica, before);
    expect(same.root).toBeUndefined();
    expect(await same.unchanged?.()).toEqual(before);
    writeFileSync(join(path, 'a'), '22');
    const changed = await scanFrom(replica, before);
    expect(changed.unchanged).toBeUndefined();
    expect(entryAt(changed.root, 'a' as RelativePath)).toMatchObject({ sizeBytes: 2 });
  });

  it('returns what did not change by reference', async () => {
    const path = folder();
    mkdirSync(join(path, 'd'));
    writeFileSync(join(path, 'd', 'a'), '1');
    const replica = await replicaAt(path);
    const before = (await replica.scan({ settings })).root as Entry;
    writeFileSync(join(path, 'b'), '2');
    for (const hasDigest of [true, false]) {
      const { root } = await scanFrom(replica, before, hasDigest);
      expect(entryAt(root, 'd' as RelativePath)).toBe(entryAt(before, 'd' as RelativePath));
      expect(entryAt(root, 'b' as RelativePath)).toMatchObject({ sizeBytes: 1 });
    }
  });

  it('goes by the policies that it is asked with, whatever the folders were walked with before', async () => {
    const path = folder();
    for (const name of ['d', 'd/e', 'f']) mkdirSync(join(path, name));
    for (const name of ['d/a.sh', 'd/e/b', 'f/c']) {
      writeFileSync(join(path, name), name);
      chmodSync(join(path, name), 0o751);
    }
    const replica = await replicaAt(path);
    const pair = pairKey(await replica.establish(), peer, 'default');
    await replica.lock(lockOptions);
    const masks = ['all', 'none', 'executable'] as const;
    const asked = [[], ...['d/', '*.sh', 'd/e', '/f/c'].flatMap((match) => masks.map((permissions) => [{ match, permissions }]))];
    let before: Entry | undefined;
    for (const policies of [...asked, ...[...asked].reverse()]) {
      // Twice, so that the second one finds the records of the first.
      for (const _ of [1, 2]) {
        const merkle = before?.kind === 'directory' ? before.merkle : undefined;
        const baseline = before && { pair, generation: 1, digest: '', merkle, tree: () => Promise.resolve(before) };
        const { root, unchanged } = await replica.scan({ settings: { ...settings, policies }, baseline: baseline && give(baseline) });
        const cold = await (await replicaAt(path, { readOnly: true })).scan({ settings: { ...settings, policies }, rehash: true });
        before = root ?? (await unchanged?.());
        expect(before).toEqual(cold.root);
      }
    }
  });

  it('takes no name for deleted that a listing has missed', async () => {
    const path = folder();
    mkdirSync(join(path, 'd'));
    for (const name of ['file', 'other']) writeFileSync(join(path, 'd', name), name);
    let misses = 0;
    const disk = aroundDisk(createNodeDisk(), ({ call, path: at }, next) => {
      const result = next();
      if ((call !== 'list' && call !== 'glanceList') || at !== 'd' || misses-- <= 0) return result;
      return (result as readonly DiskListing[]).filter(({ name }) => name !== 'file');
    });
    await (await replicaAt(path)).establish();
    const replica = await replicaAt(path, { disk, readOnly: true });
    const before = (await replica.scan({ settings })).root as Entry;
    for (misses of [1, 2]) {
      const { root, unchanged } = await scanFrom(replica, before);
      expect(root ?? (await unchanged?.())).toEqual(before);
    }
    rmSync(join(path, 'd/file'));
    expect(entryAt((await scanFrom(replica, before)).root, 'd/file' as RelativePath)).toBeUndefined();
  });
});

describe('a marker', () => {
  it('counts before and after the scan', async () => {
    const path = folder();
    const replica = await replicaAt(path);
    expect((await replica.scan({ settings })).marked).toBe(false);
    await replica.establish();
    expect((await replica.scan({ settings })).marked).toBe(true);
    mkdirSync(join(path, 'd'));
    const losing = await replicaAt(path, {
      disk: wrapDisk(createNodeDisk(), ({ call, name }) => {
        if (call === 'openDirectory' && name === 'd') rmSync(join(path, '.ubos-sync'), { recursive: true, force: true });
      }),
    });
    expect((await losing.scan({ settings })).marked).toBe(false);
  });

  it('that is gone is told, where the mirror still knows it', async () => {
    const path = folder();
    const stateMirror = join(folder(), 'state');
    const replica = await replicaAt(path, { stateMirror });
    const id = await replica.establish();
    rmSync(join(path, '.ubos-sync'), { recursive: true });
    expect(await replica.identify()).toMatchObject({ id: undefined, root: 'directory', lostId: id });
    rmSync(path, { recursive: true });
    expect(await replica.identify()).toMatchObject({ id: undefined, root: 'missing', lostId: id });
  });

  it('is mirrored with the archive, once the run that committed it is over', async () => {
    const path = folder();
    const stateMirror = join(folder(), 'state');
    const replica = await replicaAt(path, { stateMirror });
    const id = await replica.establish();
    const pair = pairKey(id, peer, 'default');
    const lock = await replica.lock(lockOptions);
    const archive = replica.archive(pair);
    await archive.prepare({
      generation: 1,
      changes: [],
      settings: { value: toPairSettings(settings, { alpha: id, beta: peer }), by: id },
      durability: 'full',
    });
    await archive.commit(1);
    await lock.release();
    const mirrored = readdirSync(join(stateMirror, 'replicas', id)).sort();
    expect(mirrored.filter((name) => name.endsWith('.archive')).length).toBe(1);
    expect(mirrored).toContain('replica.json');
  });
});

describe('what writes nothing', () => {
  it('a dry run on a root that was never synced leaves no trace', async () => {
    const path = folder();
    writeFileSync(join(path, 'x'), 'text');
    const before = fingerprint(path);
    const replica = await replicaAt(path);
    await replica.identify();
    const lock = await replica.lock({ ...lockOptions, dryRun: true });
    const { root } = await replica.scan({ settings, dryRun: true });
    expect(entryAt(root, at('x'))?.kind).toBe('file');
    const parts = replica.supply([]);
    for await (const _ of parts) throw new Error('nothing was asked for');
    await lock.release();
    expect(fingerprint(path)).toEqual(before);
  });

  it('a run that finds nothing to do writes nothing but its lock', async () => {
    const path = folder();
    writeFileSync(join(path, 'x'), 'text');
    const run = async (): Promise<void> => {
      const replica = await replicaAt(path);
      await replica.establish();
      const lock = await replica.lock(lockOptions);
      await replica.scan({ settings });
      await lock.release();
      await replica.close();
    };
    await run();
    await run();
    const before = fingerprint(path).filter((line) => !/^\.ubos-sync \d/.test(line));
    await run();
    expect(fingerprint(path).filter((line) => !/^\.ubos-sync \d/.test(line))).toEqual(before);
  });

  it('a replica that is read only', async () => {
    const path = folder();
    writeFileSync(join(path, 'x'), 'text');
    const owner = await replicaAt(path);
    const id = await owner.establish();
    const pair = pairKey(id, peer, 'default');
    const before = fingerprint(path);
    const replica = await replicaAt(path, { readOnly: true });
    expect(replica.capabilities.readOnly).toBe(true);
    expect(await replica.establish()).toBe(id);
    const lock = await replica.lock(lockOptions);
    const { root } = await replica.scan({ settings });
    const file = entryAt(root, at('x'));
    if (file?.kind !== 'file') throw new Error('no file');
    const need = { path: at('x'), digest: file.digest, sizeBytes: file.sizeBytes, fromByte: 0 };
    for await (const [part] of replica.supply([need])) expect(part?.end).toBe('ok');
    const refused = { code: 'SYNC_READ_ONLY' };
    await expect(replica.stage([need], { run: 'run', supply: () => replica.supply([]) })).rejects.toMatchObject(refused);
    await expect(replica.transition([make('d')], { run: 'run', pair, durability: 'fast' })).rejects.toMatchObject(refused);
    await expect(replica.archive(pair).commit(1)).rejects.toMatchObject(refused);
    await lock.release();
    expect(fingerprint(path)).toEqual(before);
    const empty = await replicaAt(folder(), { readOnly: true });
    await expect(empty.establish()).rejects.toMatchObject(refused);
  });
});

describe('a lock', () => {
  it('that was asked for before a scan is waited for by it; without it there is no scan', async () => {
    const path = folder();
    const one = await replicaAt(path);
    const two = await replicaAt(path);
    await one.establish();
    const order: string[] = [];
    const first = await one.lock(lockOptions);
    const waiting = two.lock({ ...lockOptions, waitMs: 5000 }).then((lock) => (order.push('locked'), lock));
    const scanning = two.scan({ settings }).then(() => order.push('scanned'));
    order.push('released');
    await first.release();
    const second = await waiting;
    await scanning;
    expect(order).toEqual(['released', 'locked', 'scanned']);
    const refused = one.lock(lockOptions);
    await Promise.all([
      expect(refused).rejects.toMatchObject({ code: 'SYNC_LOCKED' }),
      expect(one.scan({ settings })).rejects.toMatchObject({ code: 'SYNC_LOCKED' }),
    ]);
    await second.release();
    // A scan that was asked for without any lock needs none.
    await one.scan({ settings });
  });

  it('that was lost to another keeps everything from being changed', async () => {
    const path = folder();
    const replica = await replicaAt(path);
    const pair = pairKey(await replica.establish(), peer, 'default');
    const lock = await replica.lock(lockOptions);
    await replica.scan({ settings });
    rmSync(join(path, '.ubos-sync/lock'));
    const other = await replicaAt(path);
    const taken = await other.lock(lockOptions);
    const lost = { code: 'SYNC_LOCKED' };
    await expect(replica.stage([], { run: 'run', supply: () => replica.supply([]) })).rejects.toMatchObject(lost);
    await expect(replica.transition([make('d')], { run: 'run', pair, durability: 'fast' })).rejects.toMatchObject(lost);
    await expect(replica.archive(pair).commit(1)).rejects.toMatchObject(lost);
    await lock.release();
    expect(existsSync(join(path, '.ubos-sync/lock'))).toBe(true);
    await taken.release();
  });

  it('is given back when the replica is closed', async () => {
    const path = folder();
    const one = await replicaAt(path);
    await one.establish();
    await one.lock(lockOptions);
    await one.close();
    await (await (await replicaAt(path)).lock(lockOptions)).release();
  });
});

describe('a gate', () => {
  const gate = (path: string, text: string): void => {
    mkdirSync(join(path, '.ubos-sync/gate'), { recursive: true, mode: 0o700 });
    writeFileSync(join(path, '.ubos-sync/gate/admission.json'), text);
  };
  const record = { by: 'gate-1', state: 'closed', reason: 'rehearsal', untilMs: Date.now() + 60_000 };

  for (const [title, text, isOpen] of [
    ['that is closed keeps everything out', JSON.stringify(record), false],
    ['that is open lets changes in', JSON.stringify({ ...record, state: 'open' }), true],
    ['that has run out does not hold any more', JSON.stringify({ ...record, untilMs: 1 }), true],
    ['that cannot be read is closed', '{"state":"open"', false],
    ['with a field of another type is closed', JSON.stringify({ ...record, state: 'open', untilMs: 'never' }), false],
  ] as const) {
    it(title, async () => {
      const path = folder();
      const replica = await replicaAt(path);
      const pair = pairKey(await replica.establish(), peer, 'default');
      expect(await replica.admission()).toBe(undefined);
      gate(path, text);
      await replica.scan({ settings });
      const changing = replica.transition([make('d')], { run: 'run', pair, durability: 'fast' });
      if (isOpen) expect((await changing)[0]?.problem).toBe(undefined);
      else await expect(changing).rejects.toMatchObject({ code: 'SYNC_GATE_CLOSED' });
      expect(existsSync(join(path, 'd'))).toBe(isOpen);
      expect((await replica.admission())?.state).toBe(isOpen && title !== 'that has run out does not hold any more' ? 'open' : 'closed');
    });
  }
});

describe('between runs', () => {
  it('what a transition made is in the index: the next scan, also by another process, reads no file', async () => {
    const path = folder();
    const replica = await replicaAt(path);
    const pair = pairKey(await replica.establish(), peer, 'default');
    const lock = await replica.lock(lockOptions);
    await replica.scan({ settings });
    const source = folder();
    for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), name);
    const other = await replicaAt(source);
    const { root } = await other.scan({ settings });
    const changes = ['a', 'b', 'c'].map((name): Transition => {
      const entry = entryAt(root, at(name));
      return { path: at(name), old: undefined, new: entry, peer: entry };
    });
    const requests = changes.flatMap(({ path: name, new: next }) => (next?.kind === 'file' ? [{ path: name, ...next }] : []));
    const staged = await replica.stage(requests, { run: 'run', supply: (needs) => other.supply(needs) });
    expect(staged.every((result) => result.staged)).toBe(true);
    await replica.transition(changes, { run: 'run', pair, durability: 'full' });
    const again = await replica.scan({ settings });
    await lock.release();
    const later = await (await replicaAt(path)).scan({ settings });
    // Where the file system stamps coarsely, what was made in the tick of the scan is read once more by it, and settled at the end of the run.
    expect(later.counts).toMatchObject({ filesHashed: 0, entries: 4 });
    expect(later.root).toEqual(again.root);
  });

  it('peers are remembered, and a book that says so already is not written', async () => {
    const path = folder();
    const replica = await replicaAt(path);
    await replica.establish();
    expect(await replica.peers?.get('default@here:/x')).toBe(undefined);
    await replica.peers?.set('default@here:/x', peer);
    const before = fingerprint(path);
    await replica.peers?.set('default@here:/x', peer);
    expect(fingerprint(path)).toEqual(before);
    expect(await (await replicaAt(path)).peers?.get('default@here:/x')).toBe(peer);
  });

  it("this end's guards hold, whatever the other end's scope says", async () => {
    const path = folder();
    writeFileSync(join(path, 'x.vessel'), 'secret');
    const replica = await replicaAt(path, { guards: ['*.vessel'] });
    expect((await replica.identify()).guards).toEqual(['*.vessel']);
    const { root } = await replica.scan({ settings });
    expect(root).toMatchObject({ children: [], hasUntracked: true });
  });

  it('old versions are pruned at the end of a run that changed something', async () => {
    const path = folder();
    writeFileSync(join(path, 'x'), 'text');
    const dayMs = 24 * 60 * 60 * 1000;
    const early = { ...systemClock, nowMs: () => Date.now() - 40 * dayMs };
    const removeIn = async (run: string, options: FsReplicaOptions): Promise<void> => {
      writeFileSync(join(path, 'x'), run);
      const replica = await replicaAt(path, options);
      const pair = pairKey(await replica.establish(), peer, 'default');
      const lock = await replica.lock({ ...lockOptions, run });
      const { root } = await replica.scan({ settings });
      await replica.transition([{ path: at('x'), old: entryAt(root, at('x')), new: undefined, peer: undefined }], { run, pair, durability: 'fast' });
      await lock.release();
    };
    await removeIn('old-run', { clock: early });
    expect(existsSync(join(path, '.ubos-sync/versions/old-run'))).toBe(true);
    await removeIn('new-run', {});
    expect(readdirSync(join(path, '.ubos-sync/versions')).sort()).toEqual(['content', 'new-run', 'pruned']);
  });
});

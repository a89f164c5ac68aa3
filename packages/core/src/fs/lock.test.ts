import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { createSimulatedDisk } from '../testing/simulated-disk.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import { type AcquireOptions, createRootLock, type LockAttempt, type RootLock, tryLock } from './lock.ts';
import { createProcessTable, type Fate, fateOf, type ProcessIdentity, type ProcessTable } from './lock-owner.ts';
import { createNodeDisk } from './node-disk.ts';
import { systemClock } from './system-clock.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

let path: string;
let directory: DiskDirectory;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'ubos-lock-'));
  directory = mustOpen(createNodeDisk());
});

afterEach(() => {
  directory.close();
  rmSync(path, { recursive: true });
});

describe('one owner at a time', () => {
  it('is taken, and free again after its release', async () => {
    const [one, other] = [lock(), lock()];
    const held = await one.acquire(asking());
    expect(held.isHeld()).toBe(true);
    await expect(other.acquire(asking())).rejects.toMatchObject({ code: 'SYNC_LOCKED' });
    await held.release();
    await held.release();
    expect(held.isHeld()).toBe(false);
    await (await other.acquire(asking())).release();
    expect(readdirSync(path)).toEqual([]);
  });

  it('is shared by the holders of one object, until the last has released', async () => {
    const [shared, other] = [lock(), lock()];
    const [first, second] = await Promise.all([shared.acquire(asking()), shared.acquire(asking())]);
    await first.release();
    await expect(other.acquire(asking())).rejects.toMatchObject({ code: 'SYNC_LOCKED' });
    await second.release();
    await (await other.acquire(asking())).release();
  });

  it('names the owner where it is refused', async () => {
    await lock().acquire(asking({ initiator: 'laptop', run: 'run-7' }));
    await expect(lock().acquire(asking())).rejects.toMatchObject({
      code: 'SYNC_LOCKED',
      message: expect.stringContaining('laptop') as string,
      details: { pid: process.pid, initiator: 'laptop', run: 'run-7', path: '/root' },
    });
  });

  it('waits as long as it was told, and takes the lock when it becomes free', async () => {
    const clock = createTestClock();
    const held = await lock().acquire(asking());
    const polls: number[] = [];
    const patient = createRootLock({
      ...quiet,
      path: '/root',
      clock: {
        ...clock,
        async delay(ms, signal) {
          polls.push(ms);
          await clock.delay(ms, signal);
          if (polls.length === 3) await held.release();
        },
      },
    });
    await (await patient.acquire(asking({ waitMs: 5000 }))).release();
    expect(polls).toEqual([100, 150, 200]);
  });

  it('gives up at the end of its patience, no later', async () => {
    const clock = createTestClock();
    await lock().acquire(asking());
    await expect(lock({ clock }).acquire(asking({ waitMs: 1000 }))).rejects.toMatchObject({ code: 'SYNC_LOCKED' });
    expect(clock.monotonicMs()).toBe(1000);
  });

  it('stops waiting on abort, and leaves nothing behind', async () => {
    const held = await lock().acquire(asking());
    const controller = new AbortController();
    const waiting = createRootLock({ ...quiet, path: '/root', clock: systemClock }).acquire(asking({ waitMs: 60_000, signal: controller.signal }));
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await held.release();
    expect(readdirSync(path)).toEqual([]);
  });

  it('is not removed by an owner that it was taken from', async () => {
    const held = await lock().acquire(asking());
    rmSync(join(path, 'lock'));
    const other = await lock().acquire(asking());
    expect(held.isHeld()).toBe(false);
    await held.release();
    expect(other.isHeld()).toBe(true);
  });

  it('says which file cannot be written', async () => {
    const disk = wrapDisk(createNodeDisk(), ({ call }) => {
      if (call === 'openFile') throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
    });
    const readOnly = mustOpen(disk);
    await expect(lock().acquire(asking({ directory: readOnly }))).rejects.toMatchObject({
      code: 'SYNC_DENIED',
      message: expect.stringContaining('.ubos-sync/lock') as string,
    });
    readOnly.close();
  });
});

describe('an owner that is gone', () => {
  const table: { title: string; content: string }[] = [
    { title: 'a pid that no process has', content: record({ pid: 2 ** 22 + 1 }) },
    { title: 'a pid that is used again', content: record({ pid: process.pid, startTime: '1' }) },
    { title: 'another boot', content: record({ bootId: 'the-boot-before' }) },
    { title: 'an empty file', content: '' },
    { title: 'garbage', content: '\0\0\0\u00ff{' },
    { title: 'JSON that is no record', content: '{"pid":1}' },
    { title: 'a record with a token that would be another path', content: record({ token: '../../x' }) },
    { title: 'a file too large to be a record', content: 'x'.repeat(100_000) },
    { title: 'a dead owner from the future', content: record({ pid: 2 ** 22 + 1, since: '2999-01-01T00:00:00.000Z' }) },
  ];
  for (const { title, content } of table) {
    it(`${title}: its lock is taken over at once, and reported`, async () => {
      writeFileSync(join(path, 'lock'), content);
      const reports: unknown[] = [];
      const held = await lock({ onTakeover: (owner) => reports.push(owner) }).acquire(asking());
      expect(held.isHeld()).toBe(true);
      expect(reports).toHaveLength(1);
      await expect(lock().acquire(asking())).rejects.toMatchObject({ code: 'SYNC_LOCKED' });
      await held.release();
      expect(readdirSync(path)).toEqual([]);
    });
  }

  it('has an heir that died, too, and all that they left is swept away', async () => {
    writeFileSync(join(path, 'lock'), record({ pid: 2 ** 22 + 1, token: 'dead-0' }));
    writeFileSync(join(path, 'lock.after.dead-0'), record({ pid: 2 ** 22 + 2, token: 'dead-1' }));
    writeFileSync(join(path, 'lock.after.dead-1'), record({ pid: 2 ** 22 + 3, token: 'dead-2' }));
    writeFileSync(join(path, 'lock.dead-3'), record({ pid: 2 ** 22 + 3, token: 'dead-3' }));
    const held = await lock().acquire(asking());
    expect(readdirSync(path)).toEqual(['lock']);
    await held.release();
  });

  it('has a living heir: that one is waited for', async () => {
    writeFileSync(join(path, 'lock'), record({ pid: 2 ** 22 + 1, token: 'dead-0' }));
    writeFileSync(join(path, 'lock.after.dead-0'), record({ token: 'alive', initiator: 'the heir' }));
    await expect(lock().acquire(asking())).rejects.toMatchObject({ code: 'SYNC_LOCKED', details: { initiator: 'the heir' } });
  });

  it('is known by its heartbeat where nothing else can be known', async () => {
    writeFileSync(join(path, 'lock'), record({ host: 'elsewhere', bootId: 'another-kernel' }));
    const clock = createTestClock();
    await expect(lock({ clock }).acquire(asking({ waitMs: 44_000 }))).rejects.toMatchObject({ code: 'SYNC_LOCKED', details: { host: 'elsewhere' } });
    const started = clock.monotonicMs();
    const held = await lock({ clock }).acquire(asking({ waitMs: 60_000 }));
    expect(clock.monotonicMs() - started).toBeGreaterThanOrEqual(45_000);
    await held.release();
  });

  it('counts as alive for as long as its heart beats', async () => {
    const clock = createTestClock();
    let beat = (): void => undefined;
    const remote: ProcessTable = { self: { ...self, host: 'elsewhere', bootId: 'another-kernel' }, fateOf: () => 'unknown' };
    const owner = createRootLock({ path: '/root', clock, processes: remote, startHeartbeat: (run) => ((beat = run), () => undefined) });
    const held = await owner.acquire(asking());
    const beating = { ...clock, delay: (ms: number) => (beat(), clock.delay(ms)) };
    await expect(createRootLock({ ...quiet, path: '/root', clock: beating }).acquire(asking({ waitMs: 200_000 }))).rejects.toMatchObject({
      code: 'SYNC_LOCKED',
    });
    await held.release();
  });
});

describe('an owner that only its heartbeat tells of', () => {
  // A disk whose clock is told by the test, as that of a network file system is by its server. The machine in it has died.
  const elsewhere: ProcessTable = { self: { ...self, host: 'elsewhere', bootId: 'another-kernel' }, fateOf: () => 'unknown' };

  function sharedFolder(clock: TestClock): DiskDirectory {
    const folder = createSimulatedDisk({ clock }).openRoot('/');
    if (folder === undefined) throw new Error('no root');
    return folder;
  }

  for (const waitMs of [0, 10_000]) {
    it(`and that was silent for long before anybody looked is taken over after a look of 15 s, also with a wait of ${waitMs / 1000} s`, async () => {
      const clock = createTestClock();
      const shared = sharedFolder(clock);
      await lock({ clock, processes: elsewhere }).acquire(asking({ directory: shared }));
      clock.advance(45_000);
      const [startedMs, reports] = [clock.monotonicMs(), [] as unknown[]];
      const held = await lock({ clock, onTakeover: (owner) => reports.push(owner) }).acquire(asking({ directory: shared, waitMs }));
      expect([held.isHeld(), clock.monotonicMs() - startedMs, reports]).toMatchObject([true, 15_000, [{ host: 'elsewhere' }]]);
    });
  }

  it('and that has been silent for less is waited for no longer than was asked', async () => {
    const clock = createTestClock();
    const shared = sharedFolder(clock);
    await lock({ clock, processes: elsewhere }).acquire(asking({ directory: shared }));
    clock.advance(44_000);
    await expect(lock({ clock }).acquire(asking({ directory: shared, waitMs: 500 }))).rejects.toMatchObject({ code: 'SYNC_LOCKED' });
    expect(clock.monotonicMs()).toBe(44_500);
  });

  it('lives if its heart beats, though its file looks old because the clock was set or all have slept', async () => {
    const clock = createTestClock();
    const shared = sharedFolder(clock);
    let beat = (): void => undefined;
    const held = await lock({ clock, processes: elsewhere, startHeartbeat: (run) => ((beat = run), () => undefined) }).acquire(
      asking({ directory: shared }),
    );
    for (const waitMs of [0, 10_000, 60_000]) {
      clock.advance(8 * 60 * 60 * 1000);
      const startedMs = clock.monotonicMs();
      let beats = 0;
      const delay: TestClock['delay'] = async (ms, signal) => {
        await clock.delay(ms, signal);
        // Every 10 s: one of two beats is missed.
        if (clock.monotonicMs() - startedMs < (beats + 1) * 10_000) return;
        beats++;
        beat();
      };
      const waiting = lock({ clock: { ...clock, delay } }).acquire(asking({ directory: shared, waitMs }));
      await expect(waiting).rejects.toMatchObject({ code: 'SYNC_LOCKED', details: { host: 'elsewhere' } });
      expect(beats).toBeGreaterThan(0);
      expect(clock.monotonicMs() - startedMs).toBeLessThanOrEqual(Math.max(15_000, waitMs));
    }
    expect(held.isHeld()).toBe(true);
  });

  it('and that can have died where there are no hard links, too: garbage is taken over as soon', async () => {
    const clock = createTestClock();
    const disk = wrapDisk(createSimulatedDisk({ clock }), ({ call }) => {
      if (call === 'link') throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
    });
    const plain = disk.openRoot('/') as DiskDirectory;
    plain.openFile('lock', 'create').close();
    clock.advance(45_000);
    expect((await lock({ clock }).acquire(asking({ directory: plain }))).isHeld()).toBe(true);
    expect(clock.monotonicMs()).toBe(60_000);
  });
});

describe('what is no lock under its name', () => {
  const table: { title: string; make: (at: string) => void }[] = [
    { title: 'a link to a file', make: (at) => symlinkSync('elsewhere', at) },
    { title: 'a link to nothing', make: (at) => symlinkSync('nothing', at) },
    { title: 'a FIFO', make: (at) => void execFileSync('mkfifo', [at]) },
    { title: 'an empty folder', make: (at) => mkdirSync(at) },
  ];
  for (const { title, make } of table) {
    it(`${title} is nobody's, and touches nothing else`, async () => {
      writeFileSync(join(path, 'elsewhere'), record({}));
      make(join(path, 'lock'));
      const held = await lock().acquire(asking());
      expect([held.isHeld(), statSync(join(path, 'lock')).isFile()]).toEqual([true, true]);
      await held.release();
      expect([readdirSync(path), readFileSync(join(path, 'elsewhere'), 'utf8')]).toEqual([['elsewhere'], record({})]);
    });
  }

  it('a folder with something in it stays as it is, and the way on is told', async () => {
    mkdirSync(join(path, 'lock'));
    writeFileSync(join(path, 'lock/mine'), 'mine');
    await expect(lock().acquire(asking({ waitMs: 60_000 }))).rejects.toMatchObject({
      code: 'SYNC_STATE_UNSAFE',
      message: 'unable to lock /root: /root/.ubos-sync/lock is a folder with something in it, and should be a file',
      details: { path: '/root/.ubos-sync/lock', hint: expect.stringContaining('move it away') as string },
    });
    expect([readdirSync(path), existsSync(join(path, 'lock/mine'))]).toEqual([['lock'], true]);
  });

  it('a file that its mode keeps us from reading is read all the same: its owner may live', async () => {
    const folder = createSimulatedDisk({ clock: createTestClock() }).openRoot('/') as DiskDirectory;
    const owner = await lock().acquire(asking({ directory: folder, initiator: 'laptop' }));
    folder.chmod('lock', 0);
    await expect(lock().acquire(asking({ directory: folder }))).rejects.toMatchObject({ code: 'SYNC_LOCKED', details: { initiator: 'laptop' } });
    expect(owner.isHeld()).toBe(true);
    await owner.release();
    const dead = folder.openFile('lock', 'create', 0);
    dead.write(new TextEncoder().encode(record({ pid: 2 ** 22 + 1 })), 0);
    dead.close();
    expect((await lock().acquire(asking({ directory: folder }))).isHeld()).toBe(true);
  });

  it('a folder among what dead owners left keeps nobody from the lock', async () => {
    writeFileSync(join(path, 'lock'), record({ pid: 2 ** 22 + 1, token: 'dead-0' }));
    mkdirSync(join(path, 'lock.mine/deep'), { recursive: true });
    const held = await lock().acquire(asking());
    expect([held.isHeld(), readdirSync(path).sort()]).toEqual([true, ['lock', 'lock.mine']]);
    await held.release();
  });
});

describe('a file system without hard links', () => {
  it('gives the lock to one, and takes garbage over once it keeps still', async () => {
    const disk = wrapDisk(createNodeDisk(), ({ call }) => {
      if (call === 'link') throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
    });
    const plain = mustOpen(disk);
    const held = await lock().acquire(asking({ directory: plain }));
    await expect(lock().acquire(asking({ directory: plain }))).rejects.toMatchObject({ code: 'SYNC_LOCKED' });
    await held.release();
    expect(readdirSync(path)).toEqual([]);
    writeFileSync(join(path, 'lock'), '');
    const clock = createTestClock();
    const taken = await lock({ clock }).acquire(asking({ directory: plain, waitMs: 60_000 }));
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(45_000);
    expect(taken.isHeld()).toBe(true);
    await taken.release();
    plain.close();
  });
});

describe('takeover has no race', () => {
  // Whoever is stopped between any two of its system calls, a second one runs through at that point, and a third at another: never two owners.
  for (const dead of ['a dead lock', 'a dead lock with a dead heir', 'no lock', 'a link', 'an empty folder'] as const) {
    it(`three at ${dead}, each cut in at every call of the others: one owner`, () => {
      let interleavings = 0;
      for (let first = 1, more = true; more; first++) {
        more = false;
        for (let second = 1; ; second++) {
          const attempts = raceThree(dead, first, second);
          if (attempts === undefined) break;
          more = true;
          interleavings++;
          const owners = attempts.filter((attempt) => attempt.taken && attempt.lock.isOurs());
          const believers = attempts.filter((attempt) => attempt.taken);
          expect({ first, second, owners: owners.length, believers: believers.length }).toEqual({ first, second, owners: 1, believers: 1 });
        }
      }
      expect(interleavings).toBeGreaterThan(20);
    });
  }

  /** One attempt; before its `first`-th call another one, before whose `second`-th call a third one. `undefined`: there are not so many calls. */
  function raceThree(dead: string, first: number, second: number): readonly LockAttempt[] | undefined {
    for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true });
    if (dead === 'a link') symlinkSync('nothing', join(path, 'lock'));
    if (dead === 'an empty folder') mkdirSync(join(path, 'lock'));
    if (dead.startsWith('a dead lock')) writeFileSync(join(path, 'lock'), record({ pid: 2 ** 22 + 1, token: 'dead-0' }));
    if (dead.includes('heir')) writeFileSync(join(path, 'lock.after.dead-0'), record({ pid: 2 ** 22 + 2, token: 'dead-1' }));
    const attempts: LockAttempt[] = [];
    const run = (depth: number): void => {
      const at = [first, second][depth];
      let calls = 0;
      const disk = wrapDisk(createNodeDisk(), () => {
        if (++calls === at) run(depth + 1);
      });
      const cut = mustOpen(disk);
      attempts.push(tryLock(asking({ directory: cut }), { ...quiet, path: '/root', clock: uniqueClock, processes: createProcessTable() }, undefined));
    };
    run(0);
    return attempts.length === 3 ? attempts : undefined;
  }
});

describe('real processes', () => {
  it('excludes a process that lives, and takes over from one that was killed', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); process.stdout.write("up")'], { stdio: ['ignore', 'pipe', 'ignore'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    writeFileSync(join(path, 'lock'), record({ pid: child.pid ?? 0, startTime }));
    await expect(lock().acquire(asking())).rejects.toMatchObject({ code: 'SYNC_LOCKED', details: { pid: child.pid } });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    await (await lock().acquire(asking())).release();
  });

  it('200 acquires race over a dead lock: all get it in the end, never two at once', async () => {
    writeFileSync(join(path, 'lock'), record({ pid: 2 ** 22 + 1 }));
    let inside = 0;
    let most = 0;
    const runs = Array.from({ length: 200 }, async () => {
      const held = await createRootLock({ ...quiet, path: '/root', clock: eagerClock }).acquire(asking({ waitMs: 60_000 }));
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      expect(held.isHeld()).toBe(true);
      inside--;
      await held.release();
    });
    await Promise.all(runs);
    expect(most).toBe(1);
    expect(readdirSync(path)).toEqual([]);
  });
});

describe('the cost', () => {
  it('is six calls to take, three to release, and none waits for the platter', async () => {
    const calls: string[] = [];
    const counted = mustOpen(wrapDisk(createNodeDisk(), ({ call }) => void calls.push(call)));
    const held = await lock().acquire(asking({ directory: counted }));
    expect(calls).toEqual(['openFile', 'openFile', 'file.write', 'link', 'file.stat', 'unlink']);
    calls.length = 0;
    await held.release();
    expect(calls).toEqual(['lstat', 'unlink', 'file.close']);
    counted.close();
  });

  it('leaves a file that only its owner reads', async () => {
    const held = await lock().acquire(asking());
    expect(statSync(join(path, 'lock')).mode & 0o777).toBe(0o600);
    await held.release();
  });
});

describe('the fate of an owner', () => {
  const here: ProcessIdentity = { pid: 1, startTime: '5', bootId: 'b', pidNamespace: 'n', host: 'h' };
  const table: { title: string; owner: Partial<ProcessIdentity>; found: string | undefined; fate: Fate }[] = [
    { title: 'same process', owner: {}, found: '5', fate: 'alive' },
    { title: 'no such process', owner: {}, found: 'none', fate: 'dead' },
    { title: 'the pid is used again', owner: {}, found: '6', fate: 'dead' },
    { title: 'there is a process, but its start is not known', owner: {}, found: undefined, fate: 'unknown' },
    { title: 'the start was not noted', owner: { startTime: undefined }, found: '5', fate: 'unknown' },
    { title: 'this machine, another boot', owner: { bootId: 'a' }, found: '5', fate: 'dead' },
    { title: 'another machine', owner: { bootId: 'a', host: 'i' }, found: 'none', fate: 'unknown' },
    { title: 'renamed machine, same boot', owner: { host: 'i' }, found: 'none', fate: 'dead' },
    { title: 'another container', owner: { host: 'i', pidNamespace: 'm' }, found: 'none', fate: 'unknown' },
    { title: 'boots unknown, another host', owner: { bootId: undefined, host: 'i' }, found: 'none', fate: 'unknown' },
    { title: 'boots unknown, this host, no such process', owner: { bootId: undefined }, found: 'none', fate: 'dead' },
  ];
  for (const { title, owner, found, fate } of table) {
    it(`${title}: ${fate}`, () => {
      const look = () => (found === 'none' ? ({ exists: false } as const) : ({ exists: true, startTime: found } as const));
      expect(fateOf({ ...here, ...owner }, here, look)).toBe(fate);
    });
  }
});

const { self } = createProcessTable();
/** No timers in tests. */
const quiet = { startHeartbeat: () => () => undefined };
let ids = 0;
const uniqueClock = { ...createTestClock(), newId: () => `id-${++ids}` };
const eagerClock = { ...systemClock, delay: () => new Promise<void>((resolve) => setImmediate(resolve)) };

function lock(options: Partial<Parameters<typeof createRootLock>[0]> = {}): RootLock {
  return createRootLock({ ...quiet, path: '/root', clock: createTestClock(), ...options });
}

function asking(options: Partial<AcquireOptions> = {}): AcquireOptions {
  return { directory, folder: '/root/.ubos-sync', waitMs: 0, initiator: 'test', run: 'run-1', ...options };
}

function record(fields: Record<string, unknown>): string {
  return `${JSON.stringify({ token: 'token-1', ...self, initiator: 'someone', run: 'run-0', since: '2026-01-01T00:00:00.000Z', ...fields })}\n`;
}

function mustOpen(disk: Disk): DiskDirectory {
  const opened = disk.openRoot(path);
  if (opened === undefined) throw new Error(`no ${path}`);
  return opened;
}

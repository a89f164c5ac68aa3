/**
 * What people are told to be safe when a run ends (`safe:` on the terminal, docs/errors.md) is so, whatever happened to a side, and when: before any call that it
 * makes, on simulated disks. Of the calls a sample is tried.
 */
import { SyncError } from '@ubos/sync-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { adviceFor } from '../../packages/cli/src/errors/advice.ts';
import { errnoError } from '../../packages/core/src/engine/errno.ts';
import { editBoth, makeAgreed } from '../../packages/core/src/fs/test-support/mixed-plan.ts';
import { createSimulatedPair, ended, type SimulatedPair } from '../../packages/core/src/fs/test-support/simulated-pair.ts';

type Side = 'alpha' | 'beta';

interface Mishap {
  readonly title: string;
  /** What becomes of the side, once. */
  readonly happens?: (pair: SimulatedPair, side: Side) => void;
  /** What all its calls that write say from then on. */
  readonly errno?: string;
  /** Codes that runs end with after they have changed something, among others. */
  readonly codes: readonly string[];
}

const mishaps: readonly Mishap[] = [
  { title: 'its disk is read-only', errno: 'EROFS', codes: ['SYNC_DENIED', 'SYNC_REMOTE_NOT_WRITABLE'] },
  { title: 'its disk is full', errno: 'ENOSPC', codes: ['SYNC_NO_SPACE'] },
  { title: 'its disk is broken', errno: 'EIO', codes: ['SYNC_IO'] },
  { title: 'its state is removed', happens: ({ user }, side) => user[side].remove('.ubos-sync'), codes: ['SYNC_MARKER_MISSING'] },
  { title: 'its marker is removed', happens: ({ user }, side) => user[side].remove('.ubos-sync/replica.json'), codes: ['SYNC_REPLICA_CHANGED'] },
  { title: 'its archive is removed', happens: ({ user }, side) => user[side].remove('.ubos-sync/archive'), codes: ['SYNC_ARCHIVE_DAMAGED'] },
  { title: 'its lock is taken', happens: ({ user }, side) => user[side].remove('.ubos-sync/lock'), codes: ['SYNC_LOCKED'] },
  { title: 'others may write to its state', happens: ({ user }, side) => user[side].chmod('.ubos-sync/versions', 0o777), codes: [] },
  { title: 'its root is moved away', happens: (pair, side) => putAside(pair, side), codes: ['SYNC_ROOT_MISSING'] },
  {
    title: 'its root becomes a file',
    happens: (pair, side) => putAside(pair, side, (home) => home.openFile(side, 'create').close()),
    codes: ['SYNC_ROOT_KIND'],
  },
  {
    title: 'its gate closes',
    happens({ user }, side) {
      user[side].makeDirectory('.ubos-sync/gate', 0o700);
      const record = { by: 'somebody', state: 'closed', reason: 'for a test', untilMs: Number.MAX_SAFE_INTEGER };
      user[side].write('.ubos-sync/gate/admission.json', JSON.stringify(record), { mode: 0o600 });
    },
    codes: ['SYNC_GATE_CLOSED'],
  },
];

const stride = 61;
let before: SimulatedPair;
/** The side of each call of a run that nothing disturbs, in order. */
const made: Side[] = [];

beforeAll(async () => {
  before = createSimulatedPair();
  makeAgreed(before);
  await before.sync();
  editBoth(before);
  await before.killed().sync({ onCall: (side) => void made.push(side) });
});

describe('what is told to be safe is so', () => {
  it.each(mishaps)('in the middle of a run $title', { timeout: 300_000 }, async (mishap) => {
    const unchanged = treesOf(before);
    const codesAfterChanges = new Set<string>();
    const untrue: string[] = [];
    for (let n = mishap.title.length % stride; n < made.length; n += stride) {
      const pair = before.killed();
      const side = made[n] as Side;
      const result = await ended(withMishap(pair, mishap, { n, side }));
      putBack(pair, side);
      const isChanged = treesOf(pair) !== unchanged;
      if (result === 'gone') throw new Error('nobody is killed here');
      if (!(result instanceof SyncError)) {
        if (result.outcome === 'halted' && isChanged) untrue.push(`call ${n}: a halt, ${result.halt?.reason}, after changes`);
        continue;
      }
      const { safe } = adviceFor(result.code);
      if (isChanged) codesAfterChanges.add(result.code);
      if (isChanged && safe.startsWith('Nothing was changed')) untrue.push(`call ${n}: ${result.code}, after changes: ${safe}`);
      // An error ends a run: it is about more than a path.
      if (safe.startsWith('This path')) untrue.push(`call ${n}: ${result.code}: ${safe}`);
    }
    expect(untrue).toEqual([]);
    expect([...codesAfterChanges]).toEqual(expect.arrayContaining([...mishap.codes]));
  });
});

async function withMishap(pair: SimulatedPair, { happens, errno }: Mishap, { n, side: victim }: { readonly n: number; readonly side: Side }) {
  let count = 0;
  let isOurs = false;
  return pair.sync({
    onCall(side, call) {
      if (isOurs) return;
      if (count++ === n) {
        isOurs = true;
        happens?.(pair, victim);
        isOurs = false;
      }
      if (count > n && errno !== undefined && side === victim && call.writes) throw errnoError(errno, 'injected');
    },
  });
}

function treesOf(pair: SimulatedPair): string {
  return JSON.stringify([pair.tree('alpha'), pair.tree('beta')]);
}

const home = '/home';
const aside = 'aside';

function putAside({ disks }: SimulatedPair, side: Side, then: (folder: Home) => void = () => undefined): void {
  inHome(disks[side], (folder) => {
    folder.rename(side, folder, aside);
    then(folder);
  });
}

/** What was done to it meanwhile is still to be seen. */
function putBack({ disks }: SimulatedPair, side: Side): void {
  inHome(disks[side], (folder) => {
    if (folder.lstat(aside) === undefined) return;
    if (folder.lstat(side) !== undefined) folder.unlink(side);
    folder.rename(aside, folder, side);
  });
}

type Home = NonNullable<ReturnType<SimulatedPair['disks']['alpha']['openRoot']>>;

function inHome(disk: SimulatedPair['disks']['alpha'], use: (folder: Home) => void): void {
  const folder = disk.openRoot(home);
  if (folder === undefined) throw new Error(`there is no ${home}`);
  use(folder);
  folder.close();
}

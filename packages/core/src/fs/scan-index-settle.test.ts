import * as fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import type { RelativePath } from '../tree/path.ts';
import { createScanIndex } from './scan-index.ts';
import { settleIndex } from './scan-index-settle.ts';
import { createScanGround, type ScanGround } from './test-support/scan-ground.ts';

let ground: ScanGround;
let clock: TestClock;

beforeEach(async () => {
  ground = await createScanGround();
  // At the time of the disk: what was just written is racy.
  clock = createTestClock(Date.now());
  ground.index = createScanIndex({ kind: 'fast', clock });
});
afterEach(() => ground.remove());

/** Waits for long, by a clock that takes no time: this machine may be slow, and its files older or younger than the test thinks. */
const settle = (bytesMax?: number): Promise<number> =>
  settleIndex({ index: ground.index, root: ground.root, hashing: ground.hashing, bytesMax, waitMsMax: 60_000 });

describe('settling', () => {
  it('waits for the tick to pass and reads once more, so that the next scan need not', async () => {
    ground.write('a/one', '1');
    ground.write('two', '2');
    await ground.scan({ clock });
    expect([...ground.index.racyPaths].sort()).toEqual(['a/one', 'two']);
    const before = clock.nowMs();
    expect(await settle()).toBe(2);
    expect(clock.nowMs() - before).toBeGreaterThanOrEqual(20);
    expect(ground.index.racyPaths.size).toBe(0);
    await ground.scan({ clock });
    expect(ground.seen('openFile')).toEqual([]);
  });

  it('forgets a file that was edited since', async () => {
    ground.write('one', '1');
    await ground.scan({ clock });
    ground.write('one', '22');
    expect(await settle()).toBe(0);
    expect(ground.index.get('one' as RelativePath)).toBeUndefined();
  });

  it('forgets a file whose content is not what was recorded, times and size as they were', async () => {
    ground.write('one', 'one');
    await ground.scan({ clock });
    const known = ground.index.get('one' as RelativePath);
    ground.index.set('one' as RelativePath, { ...(known as NonNullable<typeof known>), digest: ground.hashing.hash(Buffer.from('two')) });
    expect(await settle()).toBe(0);
    expect(ground.index.get('one' as RelativePath)).toBeUndefined();
  });

  it('forgets what is gone or out of reach', async () => {
    ground.write('a/one', '1');
    ground.write('b', '1');
    await ground.scan({ clock });
    fs.rmSync(ground.at('a'), { recursive: true });
    fs.rmSync(ground.at('b'));
    fs.symlinkSync('/etc/passwd', ground.at('b'));
    expect(await settle()).toBe(0);
    expect(ground.index.size).toBe(0);
  });

  it('is bounded in bytes, and does not wait for a time that lies far ahead', async () => {
    ground.write('a', '1'.repeat(60));
    ground.write('b', '2'.repeat(60));
    await ground.scan({ clock });
    expect(await settle(100)).toBe(1);
    expect(ground.index.racyPaths.size).toBe(1);
    const known = ground.index.get('b' as RelativePath);
    const ahead = BigInt(Math.round(clock.nowMs()) + 3_600_000) * 1_000_000n;
    ground.index.set('b' as RelativePath, { ...(known as NonNullable<typeof known>), ctimeNs: ahead });
    const before = clock.nowMs();
    expect(await settle()).toBe(0);
    expect(clock.nowMs()).toBe(before);
  });

  it('does nothing, and waits for nothing, where nothing is racy', async () => {
    const before = clock.nowMs();
    expect(await settle()).toBe(0);
    expect(clock.nowMs()).toBe(before);
  });
});

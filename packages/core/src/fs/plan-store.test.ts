import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PlanName } from '../engine/plan-store.ts';
import { createFsPlanStore } from './plan-store.ts';

let root: string;
let plans: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sync-'));
  plans = join(root, '.ubos-sync/plans');
  mkdirSync(join(root, '.ubos-sync'), { mode: 0o700 });
});
afterEach(() => rmSync(root, { recursive: true }));

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const put = async (text: string): Promise<PlanName> => {
  const name = await createFsPlanStore(root).put(text);
  if (name === undefined) throw new Error('not kept');
  return name;
};

describe('sealed plans on the disk', () => {
  it('are kept under their hash, for their owner alone, and found by id, by hash and by a beginning', async () => {
    const name = await put('a plan: é\n');
    expect(name).toEqual({ id: hashOf('a plan: é\n').slice(0, 16), hash: hashOf('a plan: é\n') });
    expect(readdirSync(plans)).toEqual([`${name.hash}.plan`]);
    expect(statSync(join(plans, `${name.hash}.plan`)).mode & 0o777).toBe(0o600);
    expect(statSync(plans).mode & 0o777).toBe(0o700);
    const store = createFsPlanStore(root);
    for (const id of [name.id, name.hash, name.hash.slice(0, 6)]) expect(await store.get(id)).toEqual({ ...name, text: 'a plan: é\n' });
  });

  it('are not kept, and nothing is made, where there is no state folder', async () => {
    rmSync(join(root, '.ubos-sync'), { recursive: true });
    expect(await createFsPlanStore(root).put('a')).toBeUndefined();
    expect(readdirSync(root)).toEqual([]);
    await expect(createFsPlanStore(root).get('abcdef')).rejects.toMatchObject({ code: 'SYNC_PLAN_UNKNOWN' });
    await expect(createFsPlanStore(join(root, 'gone')).get('abcdef')).rejects.toMatchObject({ code: 'SYNC_PLAN_UNKNOWN' });
  });

  it('that are not there, or more than one, are named', async () => {
    const texts = Array.from({ length: 40 }, (_, index) => `plan ${index}`);
    for (const text of texts) await put(text);
    const store = createFsPlanStore(root);
    await expect(store.get('../../x')).rejects.toMatchObject({ code: 'SYNC_PLAN_UNKNOWN' });
    await expect(store.get('ffffffffffffffff')).rejects.toMatchObject({ code: 'SYNC_PLAN_UNKNOWN', details: { plan: 'ffffffffffffffff' } });
    const hashes = texts.map(hashOf);
    const shared = hashes.map((hash) => hash.slice(0, 1)).find((digit) => hashes.filter((hash) => hash.startsWith(digit)).length > 1) ?? '';
    const message = expect.stringContaining(hashes.find((hash) => hash.startsWith(shared))?.slice(0, 16) ?? '') as string;
    await expect(store.get(shared)).rejects.toMatchObject({ code: 'SYNC_PLAN_UNKNOWN', message });
  });

  it('are refused where any byte of them was changed, added or lost', async () => {
    const text = 'a plan of some bytes\n';
    const { id, hash } = await put(text);
    const file = join(plans, `${hash}.plan`);
    const bytes = readFileSync(file);
    const refused = async (damaged: Uint8Array): Promise<void> => {
      writeFileSync(file, damaged);
      await expect(createFsPlanStore(root).get(id)).rejects.toMatchObject({ code: 'SYNC_PLAN_DAMAGED', details: { plan: id } });
    };
    for (let index = 0; index < bytes.length; index++) {
      await refused(bytes.subarray(0, index));
      await refused(Buffer.from(bytes).fill((bytes[index] ?? 0) ^ 0x20, index, index + 1));
    }
    await refused(Buffer.concat([bytes, Buffer.from('\n')]));
    await put(text);
    expect((await createFsPlanStore(root).get(id)).text).toBe(text);
  });

  it('go after a week, unless they are sealed again', async () => {
    const [old, again] = [await put('old'), await put('sealed again')];
    const longAgo = Date.now() / 1000 - 8 * 86_400;
    for (const { hash } of [old, again]) utimesSync(join(plans, `${hash}.plan`), longAgo, longAgo);
    await put('sealed again');
    await put('another');
    expect(readdirSync(plans).sort()).toEqual([`${again.hash}.plan`, `${hashOf('another')}.plan`].sort());
    await expect(createFsPlanStore(root).get(old.id)).rejects.toMatchObject({ code: 'SYNC_PLAN_UNKNOWN' });
  });

  it('are a hundred at most, the youngest; and what a crash left goes, but nothing else', async () => {
    const names: string[] = [];
    for (let index = 0; index < 103; index++) {
      const { hash } = await put(`plan ${index}`);
      names.push(`${hash}.plan`);
      utimesSync(join(plans, `${hash}.plan`), Date.now() / 1000 - 1000 + index, Date.now() / 1000 - 1000 + index);
    }
    writeFileSync(join(plans, `${hashOf('torn')}.plan.new`), 'half');
    writeFileSync(join(plans, 'note.new'), 'not ours');
    const { hash } = await put('the last');
    expect(readdirSync(plans).sort()).toEqual([...names.slice(-99), `${hash}.plan`, 'note.new'].sort());
  });
});

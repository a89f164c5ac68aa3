/** Who a replica is, and that one run at a time works on it. */
import type { TestRunner } from '../test-runner.ts';
import type { Law } from './subject.ts';

export function identityLaws(law: Law, expect: TestRunner['expect']): void {
  law('has no id until it is established, and the same one from then on', async ({ under, replica }) => {
    expect((await replica.identify()).id).toBe(undefined);
    const id = await replica.establish();
    expect(await replica.establish()).toBe(id);
    const again = await under.reopen();
    expect((await again.identify()).id).toBe(id);
    await again.close();
  });

  law('excludes others while it is locked, and none after', async ({ under, replica, lock }) => {
    await replica.establish();
    const other = await under.reopen();
    const release = await lock();
    const refused = await other.lock({ waitMs: 0, initiator: 'test', run: 'two', dryRun: false }).then(
      () => 'taken',
      (error: unknown) => (error as { code?: unknown }).code,
    );
    expect(refused).toBe('SYNC_LOCKED');
    await release();
    const taken = await other.lock({ waitMs: 0, initiator: 'test', run: 'two', dryRun: false });
    await taken.release();
    await taken.release();
    await other.close();
  });

  law('may be locked twice by sessions that share it', async ({ under, replica, lock }) => {
    await replica.establish();
    const first = await lock();
    const second = await lock();
    await first();
    const other = await under.reopen();
    const refused = await other.lock({ waitMs: 0, initiator: 'test', run: 'two', dryRun: false }).then(
      () => 'taken',
      (error: unknown) => (error as { code?: unknown }).code,
    );
    expect(refused).toBe('SYNC_LOCKED');
    await second();
    await other.close();
  });
}

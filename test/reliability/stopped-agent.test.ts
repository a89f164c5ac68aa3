/**
 * The agent on the far side of OpenSSH is stopped (SIGSTOP) in the middle of a run and continued later: within the time that a peer may be silent, and after
 * it was given up. `STOPS=all` (`npm run proofs:cuts`) tries every phase, with the time-outs as they are (30 s); otherwise shorter ones are asked for.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { defaultSyncSettings, isSyncError, runSync, type SyncError, type SyncPhase, type SyncReport } from '@ubos/sync-core';
import { createFsReplica, systemClock } from '@ubos/sync-core/fs';
import { connectSsh } from '@ubos/sync-transport-ssh';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLocalPlace, type Place } from '../acceptance/place.ts';
import { list } from '../acceptance/two-roots.ts';
import { findAgents } from '../support/agent-processes.ts';
import { runsOpenSsh } from '../support/servers.ts';
import { startSshd } from '../support/sshd.ts';
import type { TestServer } from '../support/sshd-files.ts';
import { makeTempFolder, type TempFolder } from '../support/temp.ts';

const triesAll = process.env['STOPS'] === 'all';
const phases: readonly SyncPhase[] = triesAll ? ['scan', 'reconcile', 'transition', 'commit'] : ['transition'];
const limits = triesAll ? {} : { silenceMs: 5_000 };
const timeout = 600_000;

describe.skipIf(!runsOpenSsh || process.platform !== 'linux')('an agent over OpenSSH that is stopped', () => {
  let server: TestServer;
  let temp: TempFolder;
  let here: Place;
  let there: Place;
  beforeAll(async () => {
    server = await startSshd();
  });
  afterAll(() => server?.close());
  beforeEach(async () => {
    temp = await makeTempFolder('stopped');
    const dates = { next: Date.now() - 3_600_000 };
    here = createLocalPlace(join(temp.path, 'here'), dates);
    there = createLocalPlace(join(temp.path, 'there'), dates);
    await Promise.all([here, there].map(({ root }) => mkdir(root)));
    for (let index = 0; index < 20; index++) await here.write(`docs/${index}.md`, `document ${index}`);
    await sync();
    for (let index = 0; index < 100; index++) {
      await here.write(`new/${index}.md`, `new ${index} `.repeat(500));
      await there.write(`there/${index}.md`, `there ${index}`);
    }
    await here.write('docs/1.md', 'edited');
    await there.remove('docs/2.md');
  });
  afterEach(async () => {
    // One that is left stopped would be taken for the next test's.
    for (const pid of findAgents(server.home)) process.kill(pid, 'SIGKILL');
    while (findAgents(server.home).length > 0) await delay(10);
    await temp.remove();
  });

  /** One run, in which `onPhase` is called at the beginning of each phase. What it failed with is a result. */
  const sync = async (onPhase: (phase: SyncPhase) => void = () => {}): Promise<SyncReport | SyncError> => {
    await using connection = await connectSsh(server.url(there.root), { configFile: server.sshConfigFile, limits });
    await using alpha = await createFsReplica(here.root, { stateMirror: false });
    try {
      return await runSync({
        alpha,
        beta: connection.replica(),
        names: { alpha: 'here', beta: 'there' },
        profile: 'default',
        settings: { ...defaultSyncSettings, maxChange: { count: 1000 } },
        dryRun: false,
        clock: systemClock,
        onEvent: (event) => event.type === 'phase' && onPhase(event.name),
      });
    } catch (error) {
      if (!isSyncError(error)) throw error;
      return error;
    }
  };

  /** Stops the agents at the beginning of this phase. */
  const stopAt =
    (phase: SyncPhase, stopped: (agents: readonly number[]) => void) =>
    (now: SyncPhase): void => {
      if (now !== phase) return;
      const agents = findAgents(server.home);
      for (const pid of agents) process.kill(pid, 'SIGSTOP');
      stopped(agents);
    };

  const expectWhole = async (): Promise<void> => {
    const [mine, theirs] = [await list(here.root), await list(there.root)];
    expect(theirs).toBe(mine);
    expect(await there.read('docs/1.md')).toBe('edited');
    expect(await here.read('docs/2.md')).toBeUndefined();
    expect(mine.match(/ f 644 /g)?.length).toBe(219);
    expect(await sync()).toMatchObject({ outcome: 'in-sync', changes: [], conflicts: [] });
  };

  it.each(phases)('at the phase %s for a second: the run goes on', { timeout }, async (phase) => {
    let continued: Promise<void> | undefined;
    const report = await sync(
      stopAt(phase, (agents) => {
        expect(agents).toHaveLength(1);
        continued ??= delay(1_000).then(() => agents.forEach((pid) => process.kill(pid, 'SIGCONT')));
      }),
    );
    expect(continued).toBeDefined();
    await continued;
    expect(report).toMatchObject({ outcome: 'applied', problems: [], conflicts: [] });
    await expectWhole();
  });

  it.each(phases)(
    'at the phase %s for longer than it may be silent: the run ends, and so does the agent when it runs again',
    { timeout },
    async (phase) => {
      let agents: readonly number[] = [];
      const report = await sync(stopAt(phase, (stopped) => (agents = stopped)));
      expect(report).toMatchObject({ code: 'SYNC_PEER_TIMEOUT' });
      expect(agents).toHaveLength(1);
      // When the scan begins, the lock has been asked for and may not be taken yet.
      if (phase !== 'scan') expect(await there.read('.ubos-sync/lock')).toBeDefined();
      for (const pid of agents) process.kill(pid, 'SIGCONT');
      while (findAgents(server.home).length > 0) await delay(10);
      expect(await there.read('.ubos-sync/lock')).toBeUndefined();
      expect(await here.read('.ubos-sync/lock')).toBeUndefined();
      expect(await sync()).toMatchObject({ problems: [], conflicts: [] });
      await expectWhole();
    },
  );
});

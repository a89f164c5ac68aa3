/**
 * The five tests that the system was asked for with, played through the real command line: conflict, permissions, exclusion of state files,
 * append, idempotency. The demo prints them, the acceptance suite asserts them, over whatever server there is.
 */
import assert from 'node:assert/strict';
import type { Place } from './place.ts';
import type { CliResult } from './run-cli.ts';

export interface LibrarianWorld {
  /** The laptop, where the runs are started. */
  readonly here: Place;
  /** The server, at the other end of SSH. */
  readonly there: Place;
  /** `ubos-sync ARGS` on the laptop. */
  sync(...args: readonly string[]): Promise<CliResult>;
  /** Returns when a file written now is certainly newer than one written before, whatever the clocks' uncertainty. */
  passTieBand(): Promise<void>;
  say(line: string): void;
}

export interface LibrarianTest {
  readonly title: string;
  run(world: LibrarianWorld): Promise<void>;
}

/** The laptop's config. */
export function librarianConfig(url: string): string {
  return `version: 1
self: laptop
live: true
nodes:
  balaur: { url: ${JSON.stringify(url)} }
truth:
  include: [config, docs, missions, scripts, COMMS_HUB, TEST_CONFLICT.md]
  exclude: ["models/", ".git/", ".cache/", "__pycache__/"]
logs:
  - { from: logs/mission_log.jsonl, to: logs/mission_log.jsonl }
`;
}

/** Makes the two trees as they are before the first test. */
export async function setUpLibrarian({ here, there }: LibrarianWorld): Promise<void> {
  await here.write('config/harness.yaml', 'throttle: 4\n');
  await here.write('docs/charter.md', '# Charter\n');
  await here.write('scripts/run.sh', '#!/bin/sh\necho run\n', 0o755);
  await here.write('models/weights.bin', 'too large to travel');
  await there.write('missions/first.md', '# First mission\n');
  await there.write('COMMS_HUB/letter.md', 'Hello from the server.\n');
  await there.write('logs/mission_log.jsonl', logLines(0, 1000));
}

export const librarianTests: readonly LibrarianTest[] = [
  {
    title: '1 conflict: the newer side wins, in either direction, and the loser is kept',
    async run({ here, there, sync, passTieBand, say }) {
      await here.write('TEST_CONFLICT.md', 'initial\n');
      await applied(sync('truth', '--apply'));
      assert.equal(await there.read('TEST_CONFLICT.md'), 'initial\n');

      say('the server writes first, the laptop later: the laptop wins');
      await there.write('TEST_CONFLICT.md', 'balaur version OLD\n');
      await passTieBand();
      await here.write('TEST_CONFLICT.md', 'localhost version NEWER\n');
      await applied(sync('truth', '--apply'));
      assert.equal(await there.read('TEST_CONFLICT.md'), 'localhost version NEWER\n');

      say('the mirror case: the laptop writes first, the server later: the server wins');
      await here.write('TEST_CONFLICT.md', 'localhost version OLD\n');
      await passTieBand();
      await there.write('TEST_CONFLICT.md', 'balaur version NEWER\n');
      await applied(sync('truth', '--apply'));
      assert.equal(await here.read('TEST_CONFLICT.md'), 'balaur version NEWER\n');
    },
  },
  {
    title: '2 permissions: an executable arrives as one, and a change of mode travels',
    async run({ here, there, sync, say }) {
      await here.write('scripts/test_perms.sh', '#!/bin/bash\necho "test"\n', 0o755);
      await applied(sync('truth', '--apply'));
      assert.equal(await there.mode('scripts/test_perms.sh'), 0o755);
      assert.equal(await there.mode('docs/charter.md'), 0o644);
      say('the server takes the bit away');
      await there.write('scripts/test_perms.sh', '#!/bin/bash\necho "test"\n', 0o644);
      await applied(sync('truth', '--apply'));
      assert.equal(await here.mode('scripts/test_perms.sh'), 0o644);
    },
  },
  {
    title: '3 exclusion: a state file never travels, its sibling does, and it survives the deletion of its folder',
    async run({ here, there, sync, say }) {
      await here.write('COMMS_HUB/claude_strategic_state.json', '{"test": "laptop state"}\n');
      await there.write('COMMS_HUB/codex_state.json', '{"test": "server state"}\n');
      await here.write('COMMS_HUB/sibling.md', 'from the laptop\n');
      await there.write('COMMS_HUB/answer.md', 'from the server\n');
      const result = await applied(sync('truth', '--apply'));
      assert.equal(await there.read('COMMS_HUB/sibling.md'), 'from the laptop\n');
      assert.equal(await here.read('COMMS_HUB/answer.md'), 'from the server\n');
      assert.equal(await there.read('COMMS_HUB/claude_strategic_state.json'), undefined);
      assert.equal(await here.read('COMMS_HUB/codex_state.json'), undefined);
      assert.doesNotMatch(result.stdout + result.stderr, /_state\.json/, 'a state file is not even named');
      assert.equal(await there.read('models/weights.bin'), undefined);

      say('the laptop deletes the whole folder: the server loses what was synced and keeps its state');
      await here.remove('COMMS_HUB');
      await applied(sync('truth', '--apply', '--allow', 'path-emptied'));
      assert.equal(await there.read('COMMS_HUB/sibling.md'), undefined);
      assert.equal(await there.read('COMMS_HUB/codex_state.json'), '{"test": "server state"}\n');
      say('and the other way round');
      await here.write('COMMS_HUB/inbox/note.md', 'again\n');
      await here.write('COMMS_HUB/inbox/claude_state.json', '{"test": "laptop state"}\n');
      await applied(sync('truth', '--apply'));
      await there.remove('COMMS_HUB/inbox');
      await applied(sync('truth', '--apply', '--allow', 'path-emptied'));
      assert.equal(await here.read('COMMS_HUB/inbox/note.md'), undefined);
      assert.equal(await here.read('COMMS_HUB/inbox/claude_state.json'), '{"test": "laptop state"}\n');
    },
  },
  {
    title: '4 append: a log is continued where it ended, and a second pull adds nothing',
    async run({ here, there, sync, say }) {
      await applied(sync('logs'));
      assert.equal(await here.read('logs/mission_log.jsonl'), logLines(0, 1000));
      say('500 lines are appended on the server');
      await there.append('logs/mission_log.jsonl', logLines(1000, 1500));
      await applied(sync('logs'));
      await applied(sync('logs'));
      assert.equal(await here.read('logs/mission_log.jsonl'), logLines(0, 1500));
    },
  },
  {
    title: '5 idempotency: a second run has nothing to do',
    async run({ here, there, sync, say }) {
      await here.write('missions/second.md', '# Second mission\n');
      await applied(sync('full', '--apply'));
      assert.equal(await there.read('missions/second.md'), '# Second mission\n');
      say('full --apply, a second time');
      const again = await applied(sync('full', '--apply'));
      assert.match(again.stdout, /^Nothing to do: local and balaur are in sync\.$/m);
    },
  },
];

async function applied(running: Promise<CliResult>): Promise<CliResult> {
  const result = await running;
  assert.equal(result.exitCode, 0, `exit code ${result.exitCode}:\n${result.stdout}\n${result.stderr}`);
  return result;
}

function logLines(from: number, to: number): string {
  let text = '';
  for (let index = from; index < to; index++) text += `{"timestamp":"2025-10-07T12:00:00.000Z","seq":${index},"event":"mission.step"}\n`;
  return text;
}

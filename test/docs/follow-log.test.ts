/** The second example of docs/library.md, run as it is printed: killed and started again, it counts every line once. */
import { spawn } from 'node:child_process';
import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { makeTempFolder } from '../support/temp.ts';

const page = await readFile(fileURLToPath(new URL('../../docs/library.md', import.meta.url)), 'utf8');
const dist = join(process.env['UBOS_SYNC_CHECKOUT'] ?? fileURLToPath(new URL('../..', import.meta.url)), 'packages', 'core', 'dist');

it('feeds a consumer every line exactly once, however often it is killed', async () => {
  const [, example = ''] = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
  expect(example).toContain('followLog');
  const code = example
    .replace("'@ubos/sync-core'", JSON.stringify(pathToFileURL(join(dist, 'index.js'))))
    .replace("'@ubos/sync-core/fs'", JSON.stringify(pathToFileURL(join(dist, 'fs', 'index.js'))));
  const temp = await makeTempFolder('follow-log');
  try {
    const log = join(temp.path, 'logs', 'mission_log.jsonl');
    await mkdir(join(temp.path, 'logs'));
    await writeFile(join(temp.path, 'example.mjs'), code);
    let missions = 0;
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, ['example.mjs'], { cwd: temp.path, stdio: ['ignore', 'inherit', 'inherit'] });
      const ended = new Promise((done) => child.on('close', done));
      for (let each = 0; each < 5; each++) await appendFile(log, `{"event":"mission","n":${missions++}}\n{"event":"beat"}\n`);
      let counted = -1;
      while (counted !== missions && child.exitCode === null) {
        await delay(10);
        const stored = JSON.parse(await readFile(join(temp.path, 'missions.json'), 'utf8').catch(() => '{}')) as { readonly missions?: number };
        counted = stored.missions ?? -1;
        expect(counted).toBeLessThanOrEqual(missions);
      }
      expect(counted).toBe(missions);
      child.kill('SIGKILL');
      await ended;
      if (round === 1) await rename(log, `${log}.1`);
    }
  } finally {
    await temp.remove();
  }
});

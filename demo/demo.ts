/**
 * The main job, played through: two trees and a log, the real command line, a real SSH connection, the five tests that the system was asked for with.
 *
 *     npm run demo                                      an SSH server of its own, in this process, on loopback; needs nothing but Node
 *     npm run demo -- --ssh ssh://HOST/tmp [-F FILE]    a real host; works in a new folder below that path and removes it
 */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type LibrarianWorld, librarianConfig, librarianTests, setUpLibrarian } from '../test/acceptance/librarian.ts';
import { createDates, createLocalPlace, createRemotePlace, type Place } from '../test/acceptance/place.ts';
import { runCli } from '../test/acceptance/run-cli.ts';
import { startEmbeddedSshd } from '../test/support/embedded-sshd.ts';
import { makeTempFolder } from '../test/support/temp.ts';

interface FarSide {
  readonly title: string;
  readonly url: string;
  readonly place: Place;
  readonly sshConfigFile: string | undefined;
  close(): Promise<void>;
}

const { values } = parseArgs({
  options: { ssh: { type: 'string' }, 'ssh-config': { type: 'string', short: 'F' }, verbose: { type: 'boolean', short: 'v', default: false } },
});

/** One order of time for both folders of this machine. */
const dates = createDates();

await using temp = await makeTempFolder('demo');
const far = values.ssh === undefined ? await openEmbedded() : openHost(values.ssh, values['ssh-config']);
try {
  process.exitCode = (await play(far)) ? 0 : 1;
} finally {
  await far.close();
}

async function play({ title, url, place, sshConfigFile }: FarSide): Promise<boolean> {
  const laptop = join(temp.path, 'laptop');
  await mkdir(laptop);
  await writeFile(join(laptop, 'ubos-sync.yaml'), librarianConfig(url));
  const results: { readonly title: string; readonly seconds: number; readonly error: unknown }[] = [];
  const world: LibrarianWorld = {
    here: createLocalPlace(laptop, values.ssh === undefined ? dates : 'as written'),
    there: place,
    async sync(...args) {
      console.log(`    $ ubos-sync ${args.join(' ')}`);
      const result = await runCli([...args, ...(sshConfigFile === undefined ? [] : ['-F', sshConfigFile])], {
        cwd: laptop,
        stateHome: join(temp.path, 'state'),
      });
      for (const line of `${result.stdout}${values.verbose ? result.stderr : ''}`.split('\n')) if (line.trim() !== '') console.log(`      ${line}`);
      return result;
    },
    // On one machine the files are dated by hand; on two, time has to pass.
    passTieBand: () => (values.ssh === undefined ? Promise.resolve() : wait(3000)),
    say: (line) => console.log(`    ${line}`),
  };
  console.log(`laptop: ${laptop}\nbalaur: ${url}\n        ${title}\n`);
  await setUpLibrarian(world);
  for (const test of librarianTests) {
    console.log(`  ${test.title}`);
    const start = performance.now();
    let error: unknown;
    try {
      await test.run(world);
    } catch (caught) {
      error = caught;
      console.log(`    ${caught instanceof Error ? caught.message : String(caught)}`);
    }
    results.push({ title: test.title, seconds: (performance.now() - start) / 1000, error });
    console.log('');
  }
  console.log('| test | result | seconds |\n|---|---|---:|');
  for (const { title: name, seconds, error } of results)
    console.log(`| ${name} | ${error === undefined ? 'passed' : 'FAILED'} | ${seconds.toFixed(1)} |`);
  const failed = results.filter(({ error }) => error !== undefined).length;
  console.log(`\n${results.length - failed} passed, ${failed} failed`);
  return failed === 0;
}

async function openEmbedded(): Promise<FarSide> {
  const server = await startEmbeddedSshd();
  const root = join(temp.path, 'balaur');
  await mkdir(root);
  return {
    title: 'an SSH server inside this process, on loopback, with a host key made just now',
    url: server.url(root),
    place: createLocalPlace(root, dates),
    sshConfigFile: server.sshConfigFile,
    close: () => server.close(),
  };
}

function openHost(base: string, sshConfigFile: string | undefined): FarSide {
  const { username, hostname, port, pathname, protocol } = new URL(base);
  if (protocol !== 'ssh:' || hostname.startsWith('-')) throw new Error(`--ssh takes ssh://[USER@]HOST[:PORT]/PATH, not ${base}`);
  const ssh: readonly [string, ...string[]] = [
    'ssh',
    ...(sshConfigFile === undefined ? [] : ['-F', sshConfigFile]),
    ...(port === '' ? [] : ['-p', port]),
    ...(username === '' ? [] : ['-l', username]),
    '-o',
    'BatchMode=yes',
    '--',
    hostname,
  ];
  const root = `${pathname.replace(/\/$/, '')}/ubos-sync-demo-${process.pid}`;
  const shell = (script: string): void => {
    const { status, error } = spawnSync(ssh[0], [...ssh.slice(1), script], { stdio: ['ignore', 'inherit', 'inherit'] });
    if (status !== 0) throw error ?? new Error(`${ssh.join(' ')} ended with ${status}`);
  };
  shell(`mkdir -p '${root}'`);
  return {
    title: `a real host, reached as ${hostname}`,
    url: `${base.replace(/\/$/, '')}/ubos-sync-demo-${process.pid}`,
    place: createRemotePlace(root, ssh),
    sshConfigFile,
    async close() {
      shell(`rm -rf '${root}'`);
    },
  };
}

/** What the README shows is true: its example of the library compiles against the packages, its config is one, and its commands exist. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { runCli } from '../acceptance/run-cli.ts';
import { makeTempFolder } from '../support/temp.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = await readFile(join(root, 'README.md'), 'utf8');

it('the examples of the library compile', async () => {
  // Below the checkout, so that the packages are found; with a project of its own, so that nothing else is compiled.
  const folder = join(root, 'node_modules', '.cache', 'readme');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'readme.ts'), fences('ts').join('\n'));
  await writeFile(join(folder, 'library.ts'), fences('ts', await readFile(join(root, 'docs', 'library.md'), 'utf8')).join('\n'));
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../../tsconfig.test.json',
      compilerOptions: { composite: false, incremental: false, tsBuildInfoFile: null },
      include: ['readme.ts', 'library.ts'],
    }),
  );
  const { stdout } = await promisify(execFile)(join(root, 'node_modules', '.bin', 'tsc'), ['--noEmit', '-p', folder]).catch(
    (error: unknown) => error as { readonly stdout: string },
  );
  expect(stdout).toBe('');
});

it('the config is one', async () => {
  await using temp = await makeTempFolder('readme');
  await writeFile(join(temp.path, 'ubos-sync.yaml'), fences('yaml').join('\n').replace('ssh://balaur/srv/janus/repo', join(temp.path, 'balaur')));
  await mkdir(join(temp.path, 'balaur'));
  const { stdout, stderr, exitCode } = await runCli(['status'], { cwd: temp.path, stateHome: join(temp.path, 'state') });
  expect(stdout + stderr).not.toContain('SYNC_CONFIG_INVALID');
  expect(exitCode).not.toBe(2);
});

it('the commands exist', async () => {
  await using temp = await makeTempFolder('readme');
  const { stdout } = await runCli(['--help'], { cwd: temp.path, stateHome: join(temp.path, 'state') });
  const shown = fences('sh').flatMap((text) => [...text.matchAll(/^ubos-sync (\w+)/gm)].map((match) => match[1] ?? ''));
  expect(shown.length).toBeGreaterThan(3);
  for (const command of shown) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly scripts: Readonly<Record<string, string>> };
  for (const [, script] of readme.matchAll(/npm run (\w+)/g)) expect(Object.keys(scripts)).toContain(script);
});

function fences(language: string, page = readme): readonly string[] {
  return [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map((match) => match[1] ?? '');
}

/** The CLI starts from compiled code that it kept, and without it. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeTempFolder, type TempFolder } from '../support/temp.ts';
import { runCli } from './run-cli.ts';

let temp: TempFolder;
let home: string;
let folder: string;
beforeEach(async () => {
  temp = await makeTempFolder('launch');
  home = temp.path;
  folder = join(home, 'ubos-sync');
});
afterEach(() => temp.remove());
const version = async (env: Readonly<Record<string, string>> = {}): Promise<void> => {
  const { exitCode, stdout, stderr } = await runCli(['--version'], { cwd: home, stateHome: home, env: { XDG_CACHE_HOME: home, ...env } });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
};
const inodes = (): Readonly<Record<string, number>> =>
  Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, statSync(join(folder, name)).ino]),
  );

describe('compiled code', () => {
  it('is kept once, for its owner alone', async () => {
    await version();
    const kept = inodes();
    expect(Object.keys(kept).some((name) => name.startsWith('code-cli-main-'))).toBe(true);
    expect(Object.keys(kept).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual(Object.keys(kept).map(() => 0o600));
    await version();
    expect(inodes()).toEqual(kept);
  });

  it('that is damaged is made anew', async () => {
    await version();
    const kept = inodes();
    for (const name of Object.keys(kept)) writeFileSync(join(folder, name), readFileSync(join(folder, name)).fill(0, 60));
    await version();
    expect(Object.keys(inodes())).toEqual(Object.keys(kept));
    for (const [name, inode] of Object.entries(inodes())) expect(inode, name).not.toBe(kept[name]);
  });

  it('is not needed', async () => {
    await version({ NODE_DISABLE_COMPILE_CACHE: '1' });
    expect(existsSync(folder)).toBe(false);
    await version({ XDG_CACHE_HOME: '/proc' });
    writeFileSync(folder, 'in the way');
    await version();
    expect(readFileSync(folder, 'utf8')).toBe('in the way');
  });

  it('of a run that went wrong is not kept', async () => {
    const { exitCode } = await runCli(['nonsense'], { cwd: home, stateHome: home, env: { XDG_CACHE_HOME: home } });
    expect(exitCode).toBe(3);
    expect(existsSync(folder)).toBe(false);
  });
});

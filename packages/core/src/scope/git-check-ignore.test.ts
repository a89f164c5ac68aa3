/** Where our patterns mean what git's mean, git is the judge. Where they differ on purpose, the rows at the end say how. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RelativePath } from '../tree/path.ts';
import { compileScope } from './compile-scope.ts';

const files = [
  'a.log',
  'keep.log',
  '.hidden',
  'x/a.log',
  'x/keep.log',
  'x/y/a.log',
  'x/y/z/b.txt',
  'build/o.o',
  'src/build/o.o',
  'src/lib/a.py',
  'src/lib/a.pyc',
  'docs/a.md',
  'docs/sub/b.md',
  'doc/frotz/c',
  'a/doc/frotz/d',
  'foo',
  'a/foo',
  'a/b/foo',
  '#x',
  '!y',
  'q[1]',
  'sp ace.txt',
];
const directories = [
  'x',
  'x/y',
  'x/y/z',
  'build',
  'src',
  'src/build',
  'src/lib',
  'docs',
  'docs/sub',
  'doc',
  'doc/frotz',
  'a',
  'a/doc',
  'a/doc/frotz',
  'a/b',
];

const alike: readonly (readonly string[])[] = [
  ['*.log'],
  ['*.log', '!keep.log'],
  ['!keep.log', '*.log'],
  ['/*.log'],
  ['/a.log'],
  ['build/'],
  ['/build/'],
  ['build'],
  ['src/build'],
  ['doc/frotz/'],
  ['**/frotz'],
  ['docs/**'],
  ['docs/*'],
  ['x/**/a.log'],
  ['**/y/*.log'],
  ['x/**'],
  ['**'],
  ['*', '!*/', '!*.md'],
  ['/*', '!/docs/'],
  ['/*', '!/docs', '!/x', '/x/*', '!/x/y'],
  ['*', '!docs/'],
  ['*.log', '!x/'],
  ['x/', '!*.log'],
  ['*.py[co]'],
  ['*.py[!co]'],
  ['?oo'],
  ['[a-f]oo'],
  ['foo', '!/foo'],
  ['\\#x', '\\!y'],
  ['q\\[1\\]', 'sp ace.txt'],
  ['.*'],
  ['a/**/foo'],
  ['a/*/foo'],
  ['fo*'],
  ['*o'],
];

describe('patterns beside git check-ignore', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'ubos-scope-'));
    execFileSync('git', ['init', '-q', root]);
    for (const file of files) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), '');
    }
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  function ignoredByGit(patterns: readonly string[]): string[] {
    writeFileSync(join(root, '.git', 'info', 'exclude'), `${patterns.join('\n')}\n`);
    const paths = [...files, ...directories];
    const run = spawnSync(
      'git',
      ['-c', 'core.excludesFile=/dev/null', '-c', 'core.ignoreCase=false', 'check-ignore', '--no-index', '--stdin', '-z'],
      {
        cwd: root,
        input: paths.join('\0'),
        encoding: 'utf8',
      },
    );
    expect([0, 1]).toContain(run.status);
    return run.stdout
      .split('\0')
      .filter((path) => path !== '')
      .sort();
  }

  function excludedByUs(patterns: readonly string[]): string[] {
    const scope = compileScope({ include: [], exclude: patterns, guard: [] });
    const excluded = (paths: readonly string[], kind: 'directory' | 'other') => paths.filter((path) => !scope.includes(path as RelativePath, kind));
    return [...excluded(files, 'other'), ...excluded(directories, 'directory')].sort();
  }

  for (const patterns of alike) {
    it(JSON.stringify(patterns), () => expect(excludedByUs(patterns)).toEqual(ignoredByGit(patterns)));
  }

  it('unlike git, a re-include reaches into an excluded folder along the folders that it spells out', () => {
    const patterns = ['x/', '!x/y/a.log'];
    expect(ignoredByGit(patterns)).toContain('x/y/a.log');
    expect(excludedByUs(patterns)).not.toContain('x/y/a.log');
    expect(excludedByUs(patterns)).toContain('x/a.log');
  });

  it('unlike git, braces offer a choice', () => {
    expect(ignoredByGit(['*.{log,md}'])).toEqual([]);
    expect(excludedByUs(['*.{log,md}'])).toEqual(ignoredByGit(['*.log', '*.md']));
  });
});

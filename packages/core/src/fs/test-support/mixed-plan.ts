/** A tree and edits on both sides of it, such that a run has to do everything that there is to do. */
import type { SimulatedPair } from './simulated-pair.ts';

/** What both sides have agreed on before. */
export function makeAgreed({ user: { alpha, beta } }: Pick<SimulatedPair, 'user'>): void {
  for (let index = 0; index < 6; index++) alpha.write(`docs/${index}.md`, `document ${index}`);
  alpha.write('scripts/run.sh', '#!/bin/sh', { mode: 0o755 });
  alpha.write('scripts/mine.sh', '#!/bin/sh mine', { mode: 0o700 });
  alpha.write('old/gone.txt', 'gone');
  alpha.write('old/deep/too.txt', 'gone, too');
  alpha.write('was.txt', 'to be moved');
  alpha.write('shared.txt', 'to be moved, and edited');
  alpha.write('folder/one.txt', 'first of a folder');
  alpha.write('folder/deep/two.txt', 'second of a folder');
  alpha.write('swapped', 'a file at first');
  alpha.write('becomes.txt', 'a folder at first', { mode: 0o600 });
  alpha.makeDirectory('empty');
  beta.write('hub/letter.md', 'hello');
  beta.write('hub/second.md', 'hello again');
  beta.write('hub/both.md', 'agreed');
  beta.write('turned/inner.txt', 'inside');
  beta.link('link', 'docs/1.md');
  beta.link('other', 'docs/2.md');
  beta.makeDirectory('modes', 0o775);
}

/** Everything that can be edited, so that some 45 changes follow, in both directions. */
export function editBoth({ user: { alpha, beta } }: Pick<SimulatedPair, 'user'>): void {
  alpha.write('docs/0.md', 'document 0, edited');
  alpha.write('docs/1.md', 'document 1, edited', { mode: 0o600 });
  beta.write('docs/2.md', 'document 2, edited at the other end', { inPlace: true });
  beta.write('docs/3.md', 'document 3, longer than before by quite a few bytes, so that it has more than one page', { mode: 0o640 });
  alpha.write('new/deep/copy.md', 'document 4');
  alpha.write('new/deep/twin.md', 'twins');
  alpha.write('new/deep/third.md', 'twins', { mode: 0o444 });
  alpha.write('new/empty.txt', '');
  beta.write('hub/new.md', 'from the other end');
  alpha.remove('old');
  beta.remove('hub/letter.md');
  alpha.chmod('scripts/run.sh', 0o711);
  beta.chmod('scripts/mine.sh', 0o500);
  alpha.chmod('modes', 0o700);
  alpha.rename('was.txt', 'new/is.txt');
  alpha.rename('shared.txt', 'renamed.txt');
  beta.write('shared.txt', 'edited meanwhile', { inPlace: true });
  beta.rename('folder', 'directory');
  beta.remove('link');
  beta.write('link', 'a file now');
  alpha.remove('other');
  alpha.link('other', 'docs/3.md');
  alpha.link('new/link', '../docs/0.md');
  alpha.remove('swapped');
  alpha.write('swapped/now.txt', 'a folder now');
  beta.remove('turned');
  beta.write('turned', 'no folder any more');
  beta.makeDirectory('made', 0o770);
  beta.makeDirectory('made/closed', 0o555);
  alpha.remove('empty');
  // Both: the later one wins, the other is kept.
  alpha.write('hub/both.md', 'what the one says');
  beta.write('hub/both.md', 'what the other says');
}

/** Where the two sides want different things. */
export const conflictPaths: readonly string[] = ['hub/both.md'];

/** What is renamed: old and new name. */
export const renamed: readonly (readonly [string, string])[] = [
  ['was.txt', 'new/is.txt'],
  ['shared.txt', 'renamed.txt'],
  ['folder', 'directory'],
];

/** New files of one content. */
export const twins: readonly string[] = ['new/deep/twin.md', 'new/deep/third.md'];

/** Where a file that one side has edited is moved for the other, by a link and the removal of the old name. */
export const movedEdits: readonly string[] = ['renamed.txt', 'shared.txt'];

/** Where a file makes way for a folder or the other way round: there is a moment at which neither is there. */
export const swappedPaths: readonly string[] = ['swapped', 'turned', 'link'];

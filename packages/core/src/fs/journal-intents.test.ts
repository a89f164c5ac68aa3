/** What is told of changes by the traces that they leave, case by case. */
import { afterEach, describe, expect, it } from 'vitest';
import type { DiskDirectory } from '../engine/disk.ts';
import { createSimulatedDisk, type SimulatedDisk } from '../testing/simulated-disk.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { dir, file, link } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import { closeFolders, finishHalfDone, type Intent, type IntentPlace, madeIntents } from './journal-intents.ts';
import { createSimulatedUser, type SimulatedUserFiles } from './test-support/simulated-user.ts';

const open: DiskDirectory[] = [];
afterEach(() => {
  for (const directory of open.splice(0)) directory.close();
});

function ground(): { readonly user: SimulatedUserFiles; readonly disk: SimulatedDisk; place(): IntentPlace; ino(path: string): bigint } {
  const clock = createTestClock();
  const disk = createSimulatedDisk({ clock });
  const user = createSimulatedUser(disk, '/', clock);
  for (const folder of ['tree', 'staging', 'versions']) user.makeDirectory(folder);
  const at = (path: string): DiskDirectory => {
    const found = disk.openRoot(path);
    if (found === undefined) throw new Error(path);
    open.push(found);
    return found;
  };
  return {
    user,
    disk,
    place: () => ({ root: at('/tree'), staging: at('/staging'), versions: at('/versions'), half: 'alpha' }),
    ino(path) {
      const [, folder = '', name = ''] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
      return at(`/${folder}`).lstat(name)?.ino ?? 0n;
    },
  };
}

function intent(path: string, next: Entry | undefined, traces: Omit<Intent, 'change'> = {}): Intent {
  return { change: { path: path as RelativePath, alpha: next, beta: next }, ...traces };
}

function made(place: IntentPlace, ...intents: readonly Intent[]): readonly string[] {
  return madeIntents(intents, place).map(({ change }) => change.path);
}

describe('it was made if', () => {
  it('its content has left staging, whatever became of it since', () => {
    const { user, place } = ground();
    user.write('staging/a', 'a');
    user.write('tree/c', 'edited since');
    const [a, b, c] = [intent('a', file('a'), { staged: 'a' }), intent('b', file('b'), { staged: 'b' }), intent('c', file('c'), { staged: 'c' })];
    expect(made(place(), a, b, c)).toEqual(['b', 'c']);
    user.hardLink('staging/a', 'tree/a');
    expect(made(place(), a)).toEqual(['a']);
  });

  it('what was to go is gone, or was kept and is another file now', () => {
    const { user, place, ino } = ground();
    for (const name of ['kept', 'there', 'again']) user.write(`tree/${name}`, name);
    const inos = { kept: ino('tree/kept'), there: ino('tree/there'), again: ino('tree/again') };
    user.rename('tree/again', 'versions/run/1');
    user.write('tree/again', 'again');
    user.write('versions/run/2', 'a copy of what is there still');
    const intents = [
      intent('gone', undefined, { kept: 'run/3' }),
      intent('there', undefined, { ino: inos.there }),
      intent('kept', undefined, { kept: 'run/2', ino: inos.kept }),
      intent('again', undefined, { kept: 'run/1', ino: inos.again }),
    ];
    expect(made(place(), ...intents)).toEqual(['gone', 'again']);
  });

  it('what was to move is not at its old place, or the very file is at the new one', () => {
    const { user, place, ino } = ground();
    user.write('tree/here', 'x');
    user.write('tree/old', 'y');
    user.write('tree/new', 'somebody else');
    const from = (path: string): Pick<Intent, 'from' | 'ino'> => ({ from: path as RelativePath, ino: ino(`tree/${path}`) });
    const half = intent('half', file('x'), from('here'));
    expect(made(place(), half, intent('new', file('y'), from('old')), intent('moved', file('z'), from('away')))).toEqual(['moved']);
    user.hardLink('tree/here', 'tree/half');
    expect(made(place(), half)).toEqual(['half']);
    user.write('tree/back', 'put back');
    expect(made(place(), intent('back', undefined, { ino: ino('tree/half'), to: 'half' as RelativePath }))).toEqual(['back']);
    expect(made(place(), intent('here', undefined, { ino: ino('tree/half'), to: 'half' as RelativePath }))).toEqual([]);
    user.remove('tree/back');
    finishHalfDone([half], place());
    expect(user.tree('tree')).toEqual(['half 644 x', 'new 644 somebody else', 'old 644 y']);
  });

  it('the old name of a file has gone to staging, and not where its user has deleted it', () => {
    const { user, place, ino } = ground();
    for (const name of ['deleted', 'moved', 'half']) user.write(`tree/${name}`, name);
    const traces = (name: string): Omit<Intent, 'change'> => ({ from: name as RelativePath, ino: ino(`tree/${name}`), aside: `aside-${name}` });
    const intents = ['deleted', 'moved', 'half'].map((name) => intent(`new-${name}`, file(name), traces(name)));
    expect(made(place(), ...intents)).toEqual([]);
    user.remove('tree/deleted');
    user.rename('tree/moved', 'staging/aside-moved');
    user.rename('tree/half', 'tree/new-half');
    expect(made(place(), ...intents)).toEqual(['new-moved', 'new-half']);
  });

  it('its folder has moved, where nothing is under either name', () => {
    const { user, place } = ground();
    user.write('tree/old/left', 'left');
    const from = (path: string): Pick<Intent, 'from'> => ({ from: path as RelativePath });
    const intents = [
      intent('new', dir({}), from('old')),
      intent('new/deep', dir({}), from('old/deep')),
      intent('new/deep/file', file('x'), from('old/deep/file')),
    ];
    expect(made(place(), ...intents)).toEqual([]);
    user.rename('tree/old', 'tree/new');
    expect(made(place(), ...intents)).toEqual(['new', 'new/deep', 'new/deep/file']);
  });

  it('the folder or link is there, or something in the folder was made', () => {
    const { user, place } = ground();
    user.makeDirectory('tree/folder');
    user.link('tree/link', 'right');
    user.link('tree/other', 'wrong');
    const within = [intent('removed', dir({})), intent('removed/file', file('x'), { staged: 'x' })];
    expect(
      made(place(), intent('folder', dir({})), intent('link', link('right')), intent('other', link('right')), intent('none', dir({})), ...within),
    ).toEqual(['folder', 'link', 'removed', 'removed/file']);
  });
});

it('folders that were opened up get their modes back, unless they have others by now', () => {
  const { user, place } = ground();
  user.makeDirectory('tree/closed', 0o755);
  user.makeDirectory('tree/changed', 0o775);
  const folders = ['closed', 'changed', 'gone'].map((path) => ({ path: path as RelativePath, mode: 0o555 }));
  closeFolders(folders, place().root);
  expect(user.tree('tree')).toEqual(['changed/ 775', 'closed/ 555']);
});

/** Contents: supplied, staged, kept. */
import type { StageResult } from '../../engine/replica.ts';
import type { TestRunner } from '../test-runner.ts';
import { change, collect, fileAt, type Law, namesOf, need, supplyTexts, textOf } from './subject.ts';

export function contentsLaws(law: Law, expect: TestRunner['expect']): void {
  law('supplies exactly what was scanned, and says so when it is gone', async ({ under, scan, replica }) => {
    await under.write('a.txt', 'content');
    await under.write('b.txt', 'goes');
    const { root } = await scan();
    const needs = [need('a.txt', fileAt(root, 'a.txt')), need('b.txt', fileAt(root, 'b.txt'))];
    await under.remove('b.txt');
    const parts = await collect(replica.supply(needs));
    expect(textOf(parts.filter(({ need: index }) => index === 0))).toBe('content');
    expect(parts.filter(({ need: index, end }) => index === 0 && end === 'ok').length).toBe(1);
    expect(parts.filter(({ need: index, end }) => index === 1 && end === 'ok').length).toBe(0);
  });

  law('stages what it lacks, asks for nothing that it holds, and believes no one', async ({ under, scan, replica, digestOf }) => {
    await replica.establish();
    await under.write('held.txt', 'held');
    const { root } = await scan();
    const wanted = await digestOf('new content');
    const asked: string[] = [];
    const staged = await replica.stage(
      [need('copy.txt', fileAt(root, 'held.txt')), need('new.txt', wanted), need('lie.txt', await digestOf('the truth'))],
      {
        run: 'run',
        supply: (needs) => {
          asked.push(...needs.map((one) => one.path));
          return supplyTexts(
            needs,
            new Map([
              ['new.txt', 'new content'],
              ['lie.txt', 'no truth!'],
            ]),
          );
        },
      },
    );
    expect(asked).toEqual(['new.txt', 'lie.txt']);
    expect(staged.map((result: StageResult) => (result.staged ? 'staged' : result.code))).toEqual(['staged', 'staged', 'SYNC_CONTENT_MISMATCH']);
  });

  law(
    'keeps what leaves the tree, and asks for none of it when it is to come back, in whatever run',
    async ({ under, replica, scan, transition }) => {
      if (!replica.capabilities.versions) return;
      await under.write('edited', 'before');
      await under.write('gone', 'gone');
      await under.write('twin', 'gone');
      const { root } = await scan();
      const [edited, gone, twin] = [fileAt(root, 'edited'), fileAt(root, 'gone'), fileAt(root, 'twin')];
      await transition([change('edited', edited, undefined), change('gone', gone, undefined), change('twin', twin, undefined)]);
      expect(namesOf((await scan()).root)).toEqual([]);
      const back = [change('edited', undefined, edited), change('here', undefined, gone), change('there', undefined, gone)];
      const staged = await replica.stage([need('edited', edited), need('here', gone)], { run: 'later', supply: () => supplyTexts([], new Map()) });
      expect(staged).toEqual([
        { staged: true, receivedBytes: 0 },
        { staged: true, receivedBytes: 0 },
      ]);
      expect((await transition(back)).map(({ problem }) => problem)).toEqual([undefined, undefined, undefined]);
      expect([await under.read('edited'), await under.read('here'), await under.read('there')]).toEqual(['before', 'gone', 'gone']);
      // What came back is the tree's own: an edit reaches nothing that is kept.
      await under.write('here', 'mine');
      const after = (await scan()).root;
      await transition([change('here', fileAt(after, 'here'), undefined), change('there', fileAt(after, 'there'), undefined)]);
      await scan();
      expect(await replica.stage([need('here', gone)], { run: 'last', supply: () => supplyTexts([], new Map()) })).toMatchObject([{ staged: true }]);
    },
  );
}

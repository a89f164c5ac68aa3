/** What a scan says. */
import type { ScanOptions } from '../../engine/replica.ts';
import { entryAt } from '../../tree/lookup.ts';
import type { TestRunner } from '../test-runner.ts';
import { collect, fileAt, type Law, merkleOf, namesOf, need, path } from './subject.ts';

export function scanLaws(law: Law, expect: TestRunner['expect']): void {
  law('scans what is there, sorted, with modes and content digests', async ({ under, scan }) => {
    await under.write('b.txt', 'two');
    await under.write('a/deep/x.sh', 'one', 0o755);
    await under.write('a.txt', 'two');
    const { root } = await scan();
    expect(namesOf(root)).toEqual(['a', 'a.txt', 'b.txt']);
    expect(entryAt(root, path('a/deep/x.sh'))).toMatchObject({ kind: 'file', mode: 0o755, sizeBytes: 3 });
    expect(fileAt(root, 'a.txt').digest).toBe(fileAt(root, 'b.txt').digest);
    expect(fileAt(root, 'a.txt').digest === fileAt(root, 'a/deep/x.sh').digest).toBe(false);
  });

  law('shows of each mode what the policy for its path carries, and all again when there is none', async ({ under, scan }) => {
    await under.write('all.sh', 'one', 0o751);
    await under.write('bin/run.sh', 'two', 0o751);
    await under.write('bin/text', 'three', 0o640);
    await under.write('docs/deep/a.md', 'four', 0o751);
    const seen = async (policies: ScanOptions['settings']['policies']): Promise<readonly number[]> => {
      const { root } = await scan({ policies });
      return ['all.sh', 'bin/run.sh', 'bin/text', 'docs/deep/a.md'].map((at) => fileAt(root, at).mode);
    };
    const policies = [
      { match: 'bin/**', permissions: 'executable' },
      { match: 'd*', permissions: 'executable' },
      { match: 'docs/**', permissions: 'none' },
      { match: 'docs/**' },
    ] as const;
    const full = await seen([]);
    expect(full).toEqual([0o751, 0o751, 0o640, 0o751]);
    expect(await seen(policies)).toEqual([0o751, 0o100, 0, 0]);
    expect(await seen([])).toEqual(full);
    const merkles = [merkleOf((await scan()).root), merkleOf((await scan({ policies })).root)];
    expect(merkles[0] === merkles[1]).toBe(false);
  });

  law('gives an unchanged tree the same Merkle digest, whatever happened in between', async ({ under, scan }) => {
    await under.write('a/one', '1');
    const before = merkleOf((await scan()).root);
    await under.write('a/two', '2');
    const between = merkleOf((await scan()).root);
    await under.remove('a/two');
    const after = merkleOf((await scan()).root);
    expect(before === undefined).toBe(false);
    expect(after).toBe(before);
    expect(between === before).toBe(false);
  });

  law('keeps what is out of scope out of the tree', async ({ under, scan, replica }) => {
    await under.write('COMMS_HUB/claude_strategic_state.json', '{}');
    await under.write('COMMS_HUB/letter.md', 'hello');
    await under.write('models/big.bin', 'weights');
    const { root } = await scan({ scope: { include: [], exclude: ['models/'], guard: [] } });
    expect(namesOf(root)).toEqual(['COMMS_HUB']);
    expect(namesOf(entryAt(root, path('COMMS_HUB')))).toEqual(['letter.md']);
    const parts = await collect(replica.supply([need('COMMS_HUB/claude_strategic_state.json', fileAt(root, 'COMMS_HUB/letter.md'))]));
    expect(parts.every(({ end, bytes }) => end !== 'ok' && bytes.length === 0)).toBe(true);
  });
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withMerkle } from '../hash/merkle.ts';
import { exactNames } from '../scope/rules.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { toyHash } from '../testing/toy-hash.ts';
import { dir, file, untracked } from '../testing/trees.ts';
import type { Directory, Entry } from '../tree/entry.ts';
import { childNamed } from '../tree/lookup.ts';
import type { Name } from '../tree/name.ts';
import { alignNames } from './align-names.ts';
import { agreed } from './ancestor.ts';

const composed = 'caf\u00e9';
const decomposed = 'cafe\u0301';
/** Three spellings of one letter; the first is composed, the second is the least. */
const [ring, ringApart, sign] = ['\u00c5', 'A\u030a', '\u212b'];
const mac = { ignoresCase: true, ignoresUnicodeForm: true };
const macHere = { alpha: mac, beta: exactNames };
const macThere = { alpha: exactNames, beta: mac };
const macs = { alpha: mac, beta: mac };
const [one, two] = [file('one'), file('two')];

interface Row {
  readonly title: string;
  readonly folding: typeof macHere;
  readonly ancestor?: Entry | undefined;
  readonly alpha: Entry | undefined;
  readonly beta: Entry | undefined;
  /** Where they are not as given. */
  readonly expected: { readonly alpha?: Entry; readonly beta?: Entry };
}

const rows: readonly Row[] = [
  {
    title: 'what was made on both sides is one name: that of the side which tells the forms apart',
    folding: macHere,
    alpha: dir({ [decomposed]: one }),
    beta: dir({ [composed]: two }),
    expected: { alpha: dir({ [composed]: one }) },
  },
  {
    title: 'the same with the sides swapped',
    folding: macThere,
    alpha: dir({ [composed]: two }),
    beta: dir({ [decomposed]: one }),
    expected: { beta: dir({ [composed]: one }) },
  },
  {
    title: 'what the other side deleted is read as it was agreed',
    folding: macHere,
    ancestor: dir({ [composed]: one }),
    alpha: dir({ [decomposed]: one }),
    beta: dir(),
    expected: { alpha: dir({ [composed]: one }) },
  },
  {
    title: 'the other side spells it anew: so be it',
    folding: macHere,
    ancestor: dir({ [composed]: one }),
    alpha: dir({ [composed]: one }),
    beta: dir({ [decomposed]: one }),
    expected: { alpha: dir({ [decomposed]: one }) },
  },
  {
    title: 'a name that is new here, and nowhere else, stays as it is',
    folding: macHere,
    alpha: dir({ [decomposed]: one }),
    beta: dir(),
    expected: {},
  },
  {
    title: 'of two forms on the other side, the one that is here',
    folding: macHere,
    alpha: dir({ [decomposed]: one }),
    beta: dir({ [composed]: two, [decomposed]: one }),
    expected: {},
  },
  {
    title: 'two forms side by side are two names, whatever the probe said',
    folding: macHere,
    alpha: dir({ [composed]: two, [decomposed]: one }),
    beta: dir({ [composed]: two }),
    expected: {},
  },
  {
    title: 'two that both ignore the form: as it was agreed',
    folding: macs,
    ancestor: dir({ [decomposed]: one }),
    alpha: dir({ [composed]: one }),
    beta: dir({ [decomposed]: one }),
    expected: { alpha: dir({ [decomposed]: one }) },
  },
  {
    title: 'and if nothing was agreed, composed',
    folding: macs,
    alpha: dir({ [decomposed]: one }),
    beta: dir({ [composed]: two }),
    expected: { alpha: dir({ [composed]: one }) },
  },
  {
    title: 'folders, and what is in them; what is no more than that stays',
    folding: macHere,
    ancestor: dir({ [composed]: dir({ [composed]: one, a: one }) }),
    alpha: dir({ [decomposed]: dir({ [decomposed]: one, a: two, p: untracked() }, { mode: 0o700 }) }),
    beta: dir({ [composed]: dir({ [composed]: one, a: one }) }),
    expected: { alpha: dir({ [composed]: dir({ [composed]: one, a: two, p: untracked() }, { mode: 0o700 }) }) },
  },
  {
    title: 'of two forms on the other side, neither of them here: the one that was agreed',
    folding: macHere,
    ancestor: dir({ [ringApart]: one }),
    alpha: dir({ [sign]: one }),
    beta: dir({ [ring]: two, [ringApart]: two }),
    expected: { alpha: dir({ [ringApart]: one }) },
  },
  {
    title: 'else the composed one',
    folding: macHere,
    alpha: dir({ [sign]: one }),
    beta: dir({ [ring]: two, [ringApart]: two }),
    expected: { alpha: dir({ [ring]: one }) },
  },
  {
    title: 'else the least',
    folding: macHere,
    alpha: dir({ [ring]: one }),
    beta: dir({ [ringApart]: two, [sign]: two }),
    expected: { alpha: dir({ [ringApart]: one }) },
  },
  {
    title: 'of two forms that were agreed, where the other side has none any more: the one that is here',
    folding: macHere,
    ancestor: dir({ [ring]: one, [ringApart]: one }),
    alpha: dir({ [ringApart]: one }),
    beta: dir(),
    expected: {},
  },
  {
    title: 'else the composed one of them',
    folding: macHere,
    ancestor: dir({ [ring]: one, [ringApart]: one }),
    alpha: dir({ [sign]: one }),
    beta: dir(),
    expected: { alpha: dir({ [ring]: one }) },
  },
  {
    title: 'two that both ignore the form, none of them composed, nothing agreed: the least',
    folding: macs,
    alpha: dir({ [sign]: one }),
    beta: dir({ [ringApart]: two }),
    expected: { alpha: dir({ [ringApart]: one }) },
  },
  {
    title: 'a new name may have another place among its siblings',
    folding: macHere,
    alpha: dir({ [ringApart]: one, b: two, '\u00c4': two }),
    beta: dir({ [ring]: one }),
    expected: { alpha: dir({ '\u00c4': two, [ring]: one, b: two }) },
  },
  {
    title: 'a folder here, a file there: the name is one, and what is in it stays as it is',
    folding: macHere,
    alpha: dir({ [decomposed]: dir({ [decomposed]: one }) }),
    beta: dir({ [composed]: two }),
    expected: { alpha: dir({ [composed]: dir({ [decomposed]: one }) }) },
  },
  {
    title: 'a file here, a folder there',
    folding: macHere,
    alpha: dir({ [decomposed]: two }),
    beta: dir({ [composed]: dir({ [composed]: one }) }),
    expected: { alpha: dir({ [composed]: two }) },
  },
  {
    title: 'in a folder that only this side has: as it was agreed',
    folding: macHere,
    ancestor: dir({ d: dir({ e: dir({ [composed]: one }) }) }),
    alpha: dir({ d: dir({ e: dir({ [decomposed]: two }) }) }),
    beta: dir(),
    expected: { alpha: dir({ d: dir({ e: dir({ [composed]: two }) }) }) },
  },
  {
    title: 'what is not ours keeps its folder marked',
    folding: macHere,
    alpha: dir({ [decomposed]: one }, { hasUntracked: true, mode: 0o750 }),
    beta: dir({ [composed]: one }),
    expected: { alpha: dir({ [composed]: one }, { hasUntracked: true, mode: 0o750 }) },
  },
  { title: 'nothing on one side', folding: macHere, alpha: undefined, beta: dir({ [decomposed]: one }), expected: {} },
  { title: 'nothing on both', folding: macHere, ancestor: dir({ [composed]: one }), alpha: undefined, beta: undefined, expected: {} },
  { title: 'no folders at all', folding: macs, alpha: one, beta: two, expected: {} },
  {
    title: 'case is not a form',
    folding: macHere,
    alpha: dir({ CAFE: one }),
    beta: dir({ cafe: one }),
    expected: {},
  },
  {
    title: 'nothing where both tell the forms apart',
    folding: { alpha: exactNames, beta: exactNames },
    alpha: dir({ [decomposed]: one }),
    beta: dir({ [composed]: two }),
    expected: {},
  },
];

describe('alignNames', () => {
  it.each(rows)('$title', ({ folding, ancestor, alpha, beta, expected }) => {
    const given = { ancestor: ancestor && agreed(ancestor), alpha, beta, folding };
    const aligned = alignNames(given);
    expect(aligned).toEqual({ alpha: expected.alpha ?? alpha, beta: expected.beta ?? beta });
    if (expected.alpha === undefined) expect(aligned.alpha).toBe(alpha);
    if (expected.beta === undefined) expect(aligned.beta).toBe(beta);
    expect(alignNames({ ...given, ...aligned })).toEqual(aligned);
    const turned = alignNames({ ...given, alpha: beta, beta: alpha, folding: { alpha: folding.beta, beta: folding.alpha } });
    expect(turned).toEqual({ alpha: aligned.beta, beta: aligned.alpha });
  });

  it('does not look into what is as it was agreed', () => {
    const unread = new Proxy([], { get: () => expect.fail('looked at') }) as never[];
    const same = { ...dir(), children: unread, merkle: 'same' as never };
    const now = withMerkle(dir({ changed: one }), toyHash);
    const input = {
      ancestor: agreed(dir({ same })),
      alpha: { ...now, children: [{ name: 'same' as never, entry: same }] } as Entry,
      beta: dir({ same }),
    };
    expect(alignNames({ ...input, folding: macHere }).beta).toBe(input.beta);
  });

  it('held under two names: of two that ignore the form neither was agreed', () => {
    const ancestor = { alpha: dir({ [sign]: one }), beta: dir({ [ringApart]: one }) };
    const aligned = alignNames({ ancestor, ...ancestor, folding: macs });
    expect(aligned).toEqual({ alpha: dir({ [ringApart]: one }), beta: dir({ [ringApart]: one }) });
  });

  it('leaves digests where nothing was aligned, and none above', () => {
    const alpha = withMerkle(dir({ [decomposed]: one, d: dir({ a: one }) }), toyHash) as Directory;
    const aligned = alignNames({ ancestor: undefined, alpha, beta: dir({ [composed]: one }), folding: macHere }).alpha as Directory;
    expect(alpha.merkle).toBeDefined();
    expect(aligned.merkle).toBeUndefined();
    expect(childNamed(aligned, 'd' as Name)).toBe(childNamed(alpha, 'd' as Name));
  });

  it(`for any trees the side that tells forms apart is left as it is, and no node is lost (seed ${seed})`, () => {
    const name = fc.constantFrom(composed, decomposed, 'a', '\u00c5', 'A\u030a', '\u212b');
    const leaf = fc.constantFrom<Entry>(one, two);
    const level = (child: fc.Arbitrary<Entry>): fc.Arbitrary<Entry> => fc.dictionary(name, child, { maxKeys: 4 }).map((children) => dir(children));
    const tree = level(fc.oneof(leaf, level(fc.oneof(leaf, level(leaf)))));
    const count = (entry: Entry | undefined): number =>
      entry?.kind === 'directory' ? entry.children.reduce((sum, child) => sum + count(child.entry), 1) : 1;
    fc.assert(
      fc.property(fc.option(tree, { nil: undefined }), tree, tree, (ancestor, alpha, beta) => {
        const aligned = alignNames({ ancestor: ancestor && agreed(ancestor), alpha, beta, folding: macHere });
        expect(aligned.beta).toBe(beta);
        expect(count(aligned.alpha)).toBe(count(alpha));
      }),
      { seed, numRuns: propertyRuns(1_000) },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withMerkle } from '../hash/merkle.ts';
import { exactNames } from '../scope/rules.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { toyHash } from '../testing/toy-hash.ts';
import { dir, file, untracked } from '../testing/trees.ts';
import type { Entry } from '../tree/entry.ts';
import { alignNames } from './align-names.ts';
import { agreed } from './ancestor.ts';

const composed = 'caf\u00e9';
const decomposed = 'cafe\u0301';
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

  it('answers for a path 5,000 folders deep', () => {
    const deep = (name: string): Entry => {
      let at: Entry = one;
      for (let level = 0; level < 5_000; level++) at = dir({ [name]: at });
      return at;
    };
    let { alpha } = alignNames({ ancestor: undefined, alpha: deep(decomposed), beta: deep(composed), folding: macHere });
    for (let level = 0; level < 5_000; level++)
      alpha = alpha?.kind === 'directory' && alpha.children[0]?.name === composed ? alpha.children[0].entry : undefined;
    expect(alpha).toBe(one);
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

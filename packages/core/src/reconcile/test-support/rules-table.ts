/**
 * The rules as a table over everything that can be found at one path. It is the specification: docs/algorithm.md is made of it, and a test holds
 * `reconcile` to it for every combination of ancestor, alpha, beta and direction there is.
 *
 * No rule knows alpha from beta, so a row speaks of *one* side and *the other*, and holds both ways round. Of each combination exactly one row speaks.
 */

/** What one side has at the path. */
export type Kind = 'nothing' | 'untracked' | 'unreadable' | 'file' | 'link' | 'folder';

/** What the side did to its half of the ancestor. */
export type Deed = 'same' | 'gone' | 'less' | 'new';

/** What the two sides are to each other. */
export type Pair = 'unreadable' | 'neither' | 'equal' | 'folders' | 'one content' | 'two contents' | 'unlike';

/** What keeps one side's state from taking the place of the other's. */
export type Way = 'clear' | 'untracked' | 'unreadable';

/** What a row says is to be done; `rules-table.test.ts` spells each of them out. */
export type Then =
  | 'report the problem'
  | 'forget'
  | 'agree'
  | 'merge the folders'
  | 'merge permissions'
  | 'take the content'
  | 'nothing'
  | 'remember'
  | 'carry'
  | 'conflict: untracked'
  | 'conflict: one way'
  | 'settle contents'
  | 'settle kinds';

export interface Row {
  /** Of DESIGN section 5; 0: before all of them. */
  readonly rule: 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;
  readonly title: string;
  readonly pair: Pair;
  /** Left out: whatever it is. */
  readonly one?: Pattern;
  readonly other?: Pattern;
  /** Whether the other side may be changed. Left out: it makes no difference. */
  readonly otherMay?: 'change' | 'not change';
  readonly way?: Way;
  readonly then: Then;
}

export interface Pattern {
  readonly is?: readonly Kind[];
  readonly did: readonly Deed[];
}

const something: readonly Kind[] = ['file', 'link', 'folder'];
const leaf: readonly Kind[] = ['file', 'link'];
const empty: readonly Kind[] = ['nothing', 'untracked'];

export const rows: readonly Row[] = [
  { rule: 0, title: 'of what could not be read nothing is known', pair: 'unreadable', then: 'report the problem' },

  { rule: 1, title: 'neither side has it', pair: 'neither', then: 'forget' },
  { rule: 1, title: 'both have the same', pair: 'equal', then: 'agree' },

  { rule: 2, title: 'held, and nobody touched it', pair: 'unlike', one: { did: ['same'] }, other: { did: ['same'] }, then: 'nothing' },
  {
    rule: 2,
    title: 'kept on one side alone, and it only became less there',
    pair: 'unlike',
    one: { did: ['less'] },
    other: { is: empty, did: ['same'] },
    then: 'remember',
  },
  ...carried(2, 'one side made something new', { did: ['new'] }, { did: ['same'] }, 'nothing'),
  ...carried(2, 'one side took something away', { did: ['less', 'gone'] }, { is: something, did: ['same'] }, 'nothing'),
  {
    rule: 2,
    title: 'one side edited a file',
    pair: 'two contents',
    one: { did: ['new'] },
    other: { did: ['same', 'less'] },
    otherMay: 'change',
    then: 'take the content',
  },
  {
    rule: 2,
    title: 'one side edited its copy of a file',
    pair: 'two contents',
    one: { did: ['new'] },
    other: { did: ['same', 'less'] },
    otherMay: 'not change',
    then: 'nothing',
  },

  { rule: 3, title: 'two folders', pair: 'folders', then: 'merge the folders' },

  { rule: 4, title: 'two files of one content', pair: 'one content', then: 'merge permissions' },
  {
    rule: 4,
    title: 'two contents that are held',
    pair: 'two contents',
    one: { did: ['same', 'less'] },
    other: { did: ['same', 'less'] },
    then: 'merge permissions',
  },

  ...carried(5, 'something new against a deletion', { did: ['new'] }, { did: ['gone', 'less'] }, 'conflict: one way'),
  // A deletion goes around what cannot be read, so that is in no deletion's way.
  ...carried(
    5,
    'the larger deletion against a smaller one, or against a chmod',
    { is: empty, did: ['gone'] },
    { did: ['less'] },
    'conflict: one way',
  ).filter(({ way }) => way !== 'unreadable'),
  {
    rule: 5,
    title: 'two kinds that were held, and each only became less',
    pair: 'unlike',
    one: { did: ['less'] },
    other: { did: ['less'] },
    then: 'nothing',
  },

  { rule: 6, title: 'two files, both edited', pair: 'two contents', one: { did: ['new'] }, other: { did: ['new'] }, then: 'settle contents' },
  {
    rule: 6,
    title: 'two links, or a file and a link',
    pair: 'unlike',
    one: { is: leaf, did: ['new'] },
    other: { is: leaf, did: ['new'] },
    then: 'settle contents',
  },

  {
    rule: 7,
    title: 'a folder against something else',
    pair: 'unlike',
    one: { is: ['folder'], did: ['new'] },
    other: { is: leaf, did: ['new'] },
    then: 'settle kinds',
  },
];

/** What one side wants is carried to the other: unless that side is not to be changed, or something is in the way. */
function carried(rule: 2 | 5, title: string, one: Pattern, other: Pattern, oneWay: Then): readonly Row[] {
  const row = { rule, pair: 'unlike', one, other } as const;
  return [
    { ...row, title, otherMay: 'change', way: 'clear', then: 'carry' },
    { ...row, title: `${title}, where something is that is not ours`, otherMay: 'change', way: 'untracked', then: 'conflict: untracked' },
    { ...row, title: `${title}, where something is that could not be read`, otherMay: 'change', way: 'unreadable', then: 'nothing' },
    { ...row, title: `${title}, one way`, otherMay: 'not change', then: oneWay },
  ];
}

/** The policy in force: as configured, but on a first sync `first`, and without that `newer` has not been asked for (`unasked`). */
export type Wanted = 'unasked' | 'skip' | 'names one' | 'names other' | 'newer' | 'keep-both';

export interface ContentRow {
  readonly wanted: Wanted;
  /** Which was written later, on one clock. Left out: it makes no difference. */
  readonly later?: 'one' | 'tie';
  readonly onTie?: 'skip' | 'keep-both';
  /** Sides that must not be changed. Left out: it makes no difference. */
  readonly fixed?: readonly ('none' | 'one' | 'other')[];
  readonly reason: 'content' | 'tie' | 'first-sync' | 'direction';
  /** `{one}` is that side's name. */
  readonly text: string;
  /** `lesser`: the one whose digest (or target) sorts first; a file before a link. */
  readonly ends: 'one wins' | 'both kept, one has the name' | 'both kept, the lesser has the name' | 'left open';
}

export const contentRows: readonly ContentRow[] = [
  { wanted: 'unasked', reason: 'first-sync', text: '6 first sync', ends: 'left open' },
  { wanted: 'skip', reason: 'content', text: '6 skip', ends: 'left open' },
  { wanted: 'names one', fixed: ['none', 'one'], reason: 'content', text: '6 {one}', ends: 'one wins' },
  { wanted: 'names one', fixed: ['other'], reason: 'direction', text: '6 {one}, one way', ends: 'left open' },
  { wanted: 'newer', later: 'one', fixed: ['none'], reason: 'content', text: '6 newer', ends: 'one wins' },
  { wanted: 'newer', later: 'one', fixed: ['one', 'other'], reason: 'direction', text: '6 newer, one way', ends: 'left open' },
  { wanted: 'newer', later: 'tie', onTie: 'skip', reason: 'tie', text: '6 tie', ends: 'left open' },
  {
    wanted: 'newer',
    later: 'tie',
    onTie: 'keep-both',
    fixed: ['none'],
    reason: 'tie',
    text: '6 tie, keep both',
    ends: 'both kept, the lesser has the name',
  },
  {
    wanted: 'newer',
    later: 'tie',
    onTie: 'keep-both',
    fixed: ['one', 'other'],
    reason: 'direction',
    text: '6 tie, keep both, one way',
    ends: 'left open',
  },
  { wanted: 'keep-both', later: 'one', fixed: ['none'], reason: 'content', text: '6 keep both', ends: 'both kept, one has the name' },
  { wanted: 'keep-both', later: 'tie', fixed: ['none'], reason: 'content', text: '6 keep both', ends: 'both kept, the lesser has the name' },
  { wanted: 'keep-both', fixed: ['one', 'other'], reason: 'direction', text: '6 keep both, one way', ends: 'left open' },
];

export interface KindsRow {
  readonly wins: 'no side' | 'the folder' | 'the other';
  /** Whether the side that would lose may be changed. */
  readonly loserMay?: 'change' | 'not change';
  /** A first sync, or left open by one and not asked for by `first`. */
  readonly first?: boolean;
  /** Of what is not a folder to the folder's place. */
  readonly way?: Way;
  readonly reason: 'kinds' | 'direction' | 'first-sync' | 'untracked' | 'problem';
  /** `{winner}` is that side's name. */
  readonly text: string;
  readonly ends: 'carried' | 'left open';
}

export const kindsRows: readonly KindsRow[] = [
  { wins: 'no side', reason: 'kinds', text: '7 kinds differ', ends: 'left open' },
  { wins: 'the folder', loserMay: 'not change', reason: 'direction', text: 'one way', ends: 'left open' },
  { wins: 'the folder', loserMay: 'change', reason: 'kinds', text: '7 {winner}', ends: 'carried' },
  { wins: 'the other', loserMay: 'not change', reason: 'direction', text: 'one way', ends: 'left open' },
  { wins: 'the other', loserMay: 'change', first: true, reason: 'first-sync', text: '7 first sync', ends: 'left open' },
  { wins: 'the other', loserMay: 'change', first: false, way: 'untracked', reason: 'untracked', text: 'untracked', ends: 'left open' },
  { wins: 'the other', loserMay: 'change', first: false, way: 'unreadable', reason: 'problem', text: '', ends: 'left open' },
  { wins: 'the other', loserMay: 'change', first: false, way: 'clear', reason: 'kinds', text: '7 {winner}', ends: 'carried' },
];

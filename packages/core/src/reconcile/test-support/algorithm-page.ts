import {
  type ContentRow,
  contentRows,
  type Deed,
  type KindsRow,
  kindsRows,
  type Pattern,
  type Row,
  rows,
  type Then,
  type Way,
} from './rules-table.ts';

/** docs/algorithm.md: the table, and the words that it takes to read it. */
export function algorithmPage(): string {
  return `# How two trees become one

<!-- Made of packages/core/src/reconcile/test-support/rules-table.ts by \`npm run docs:algorithm\`. Tests hold this page to the table, and the code to both. -->

\`reconcile\` looks at three trees: the *ancestor*, which the two sides last agreed on, and what *alpha* and *beta* are now. It goes from the root down and
decides at each path by what is there. The rules are tried in their order:

1. Both sides are the same: agreed.
2. One side is as it was: the other side's change goes there.
3. Both are folders: their permissions are merged, and each name in them is decided by itself.
4. Two files of one content: their permissions are merged.
5. Deletion against change: the change survives, a folder whole. Permissions alone do not survive a deletion. Of two deletions the larger one.
6. Two contents: a conflict that the policy settles.
7. A folder against something else: a conflict that only a policy with a side's name settles.

## What is looked at

A file is compared by content and permissions, a link by its target, a folder by permissions. Times are no difference by themselves.

The ancestor has a half for each side. Where the halves are the same, the entry is *agreed*; where they differ it is *held*: both sides have accepted the
difference, and each goes by its own half. Without an ancestor (a first sync) there was nothing before, anywhere.

What a side **did** to its half, with all that is below:

| | |
|---|---|
| *same* | nothing: it is as it was, or it had nothing and has nothing |
| *gone* | it had something and has nothing |
| *less* | something is still there, and nothing of it is new: deletions inside, permissions |
| *new* | there is a content, a link or a folder that was not there: made, edited, of another kind |

What is *untracked* (a socket, a mount point, a link that is not carried) is not ours: it counts as nothing, cannot travel, and gives way to nothing.
What is *unreadable* may be anything, so nothing is decided about it or below it, and it is never taken for a deletion.

In the **way** of what one side wants on the other can be something *untracked*: either of the two is, or a file or link would replace a folder that
holds some. Likewise something *unreadable* in a folder that would be replaced. A deletion goes around both.

A side **may not be changed** where the direction is one way and this is its source.

## The table

No rule knows alpha from beta: each row holds both ways round. For each combination of what is in the ancestor and on the two sides exactly one row speaks.

${table(['rule', 'case', 'one side', 'the other side', 'may be changed', 'in the way', 'plan'], rows.map(rowCells))}

- *carry*: the other side becomes what one side is, with all below. A folder comes without what is untracked or unreadable in it, and, where
  nothing else was in its place, without what is held on its own side alone: an edit in a folder that an undo took away on the other side travels by itself.
  A deletion takes what was synced: a folder that holds something untracked stays, and that is held; one that holds something unreadable stays until the next run.
- *agree*: the ancestor takes what is there; where the two differ (in permissions) the difference is held. *remember*: the same for one half.
  *forget*: it drops what it has.
- *merge permissions*: see below. Where nothing has to be changed for it, that is *agree*.
- A conflict that is left open changes nothing on either side. On a first sync the ancestor remembers that it is open.

## Two contents

The policy in force is that of the last \`policies\` entry that matches the path and has one, else \`conflicts\`. Where the pair has never agreed on the path
(a first sync, or left open by one) it is \`--first\` if that is given; and \`newer\`, which times of fresh copies would mislead, then has to be asked for by it.

The later side is that with the later mtime, both read on one clock: beta's clock is measured against alpha's, and within the uncertainty of that (never
less than a second) it is a tie. Where one clock made both times, only equal times are.

${table(['policy', 'times', 'direction', 'ends', 'reason', 'rule'], contentRows.map(contentCells))}

*Lesser* is whose digest or target sorts first, a file before a link: both ends choose alike. The one that gives way goes to \`versions/\`; with *keep both* it
also stays beside the other as \`NAME (conflict HOST DATE).EXT\`, on both sides: at most 255 bytes, never a name in use or out of scope, never a conflict mark
after another. Where there is no such name, or there are 99 for one name, host and day, the conflict is left open. The permissions of two files are merged whoever wins; of an open conflict nothing is touched.

## A folder against something else

${table(['policy names', 'the loser may be changed', 'first sync', 'in the way of the file or link', 'ends', 'reason', 'rule'], kindsRows.map(kindsCells))}

A first sync deletes nothing, so it replaces no folder, and neither does a later run with what it left open, until \`--first\` names a side.

## Permissions

Each of the three fields (owner, group, others) by itself. Bits outside of the mask of a path (\`permissions: all | executable | none\`) are not looked at. What a disk
could not store is read back and held.

| known of a field | becomes |
|---|---|
| changed on neither side | what it is on each |
| changed on one | that, on both |
| changed on both, alike | that |
| changed on both, differently | the bits that both allow |
| no ancestor on one side or both | execute bits of either; the rest as it is on each |

One way, the source keeps its own, and the other side keeps each field that it has changed.

One way, what the other end made of its copy is its own affair, and is neither changed nor reported, until something would have to go there. An edit of the same
file there is then a conflict \`direction\`. Permissions that it gave its copy are held, and give way to the next change of the same field here.

## Renames

A plan by paths knows no renames: what was renamed is deleted here and made there. They are found in it afterwards, by content: one to one, never by an empty
file, a folder as a whole only if it holds nothing that is not synced. What one side renamed is then renamed on the other first, and in the ancestor, and what is
left is decided once more by the table. So an edit follows its file to the new name.

## Names

A name that would be another one's on the side where it is to be made (case, Unicode form) is a conflict \`names-collide\`, and not made.

## What a conflict says

Both states with their mtimes, the relation of the clocks that was used (offset and uncertainty; none where no times were compared, or one clock made both),
the reason, the rule, and how it ended: the winning side, \`keep-both\` with the name, or \`skipped\`.
`;
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function rowCells({ rule, title, pair, one, other, otherMay, way, then }: Row): readonly string[] {
  const [left, right] = sidesText(pair);
  return [
    rule === 0 ? '' : String(rule),
    title,
    patternText(one, left),
    patternText(other, right),
    otherMay === undefined ? 'any' : otherMay === 'change' ? 'yes' : 'no',
    wayText(way),
    thenText[then],
  ];
}

/** What a pair says of its two sides by itself. */
function sidesText(pair: Row['pair']): readonly [string, string] {
  switch (pair) {
    case 'unreadable':
      return ['unreadable', 'any'];
    case 'neither':
      return ['nothing, untracked', 'nothing, untracked'];
    case 'equal':
      return ['file, link', 'the same'];
    case 'folders':
      return ['folder', 'folder'];
    case 'one content':
      return ['file', 'file, its permissions differ'];
    case 'two contents':
      return ['file', 'file, its content differs'];
    case 'unlike':
      return ['any', 'any unlike it'];
  }
}

function patternText(pattern: Pattern | undefined, whatever: string): string {
  if (pattern === undefined) return whatever;
  return `${pattern.is?.join(', ') ?? whatever}: ${pattern.did.map((deed: Deed) => `*${deed}*`).join(' or ')}`;
}

function wayText(way: Way | undefined): string {
  return way === undefined ? 'any' : way === 'clear' ? 'nothing' : way;
}

const thenText: Readonly<Record<Then, string>> = {
  'report the problem': 'a problem for each side that could not be read',
  forget: 'forget',
  agree: 'agree',
  'merge the folders': 'merge permissions, agree, and go on below',
  'merge permissions': 'merge permissions',
  'take the content': 'its content goes to the other side; merge permissions',
  nothing: 'nothing',
  remember: 'remember',
  carry: 'carry',
  'conflict: untracked': 'conflict `untracked`, left open',
  'conflict: one way': 'conflict `direction`, left open',
  'settle contents': 'conflict: see *Two contents*',
  'settle kinds': 'conflict: see *A folder against something else*',
};

function contentCells({ wanted, later, onTie, fixed, reason, text, ends }: ContentRow): readonly string[] {
  const policies: Readonly<Record<ContentRow['wanted'], string>> = {
    unasked: '`newer`, not asked for on a first sync',
    skip: '`skip`',
    'names one': '`local` or `remote`: one side',
    'names other': '`local` or `remote`: the other side',
    newer: onTie === undefined ? '`newer`' : `\`newer\`, \`onTie: ${onTie}\``,
    'keep-both': '`keep-both`',
  };
  return [
    policies[wanted],
    later === undefined ? 'any' : later === 'one' ? 'one side is later' : 'a tie',
    fixed === undefined ? 'any' : fixed.map((side) => ({ none: 'both', one: 'from one side', other: 'from the other side' })[side]).join(', '),
    ends,
    `\`${reason}\``,
    `\`${text.replace('{one}', 'alpha')}\``,
  ];
}

function kindsCells({ wins, loserMay, first, way, reason, text, ends }: KindsRow): readonly string[] {
  return [
    wins === 'no side' ? 'no side' : `${wins}'s side`,
    loserMay === undefined ? 'any' : loserMay === 'change' ? 'yes' : 'no',
    first === undefined ? 'any' : first ? 'yes' : 'no',
    wayText(way),
    ends,
    reason === 'problem' ? 'none: the problem is reported' : `\`${reason}\``,
    text === '' ? '' : `\`${text.replace('{winner}', 'alpha')}\``,
  ];
}

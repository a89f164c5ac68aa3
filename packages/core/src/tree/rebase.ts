import { type Child, type Directory, type Entry, sameNode } from './entry.ts';
import { compareNames } from './name.ts';

/**
 * The same tree, made of the nodes of an older one wherever a node and all below it is the same (times aside, as with `sameNode`). So what did not change can be told
 * by reference. Costs the entries of the tree.
 */
export function rebase(now: Entry, before: Entry | undefined): Entry {
  if (now.kind !== 'directory' || before?.kind !== 'directory') return before !== undefined && sameNode(now, before) ? before : now;
  let level = openLevel(now, before, undefined);
  for (;;) {
    const child = level.now.children[level.at];
    if (child === undefined) {
      const done = closeLevel(level);
      if (level.parent === undefined) return done;
      level = level.parent;
      put(level, done);
      continue;
    }
    const old = seekOld(level, child);
    if (child.entry.kind === 'directory' && old?.entry.kind === 'directory') level = openLevel(child.entry, old.entry, level);
    else put(level, old !== undefined && sameNode(child.entry, old.entry) ? old.entry : child.entry);
  }
}

interface Level {
  readonly now: Directory;
  readonly before: Directory;
  readonly parent: Level | undefined;
  readonly children: Child[];
  /** The child that is looked at, and the first one of before that is not behind it. */
  at: number;
  oldAt: number;
  /** Every child so far is that of before. */
  isSame: boolean;
}

function openLevel(now: Directory, before: Directory, parent: Level | undefined): Level {
  const isSame = sameNode(now, before) && now.hasUntracked === before.hasUntracked && now.children.length === before.children.length;
  return { now, before, parent, children: [], at: 0, oldAt: 0, isSame };
}

function seekOld(level: Level, { name }: Child): Child | undefined {
  for (;;) {
    const old = level.before.children[level.oldAt];
    if (old === undefined || old.name === name) return old;
    if (compareNames(old.name, name) > 0) return undefined;
    level.oldAt++;
  }
}

function put(level: Level, entry: Entry): void {
  const child = level.now.children[level.at++] as Child;
  const old = seekOld(level, child);
  if (old?.entry === entry) level.children.push(old);
  else {
    level.isSame = false;
    level.children.push(child.entry === entry ? child : { name: child.name, entry });
  }
}

function closeLevel({ now, before, children, isSame }: Level): Directory {
  return isSame ? before : { ...now, children };
}

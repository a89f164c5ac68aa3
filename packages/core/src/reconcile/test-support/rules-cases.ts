/**
 * What the rows of the table come to. States of one path, drawn; what each side did, told by hand; and every outcome spelled out as the lines of a plan.
 * Nothing here asks the code that is under test.
 */
import { dir, file, link, problematic, untracked } from '../../testing/trees.ts';
import type { Entry } from '../../tree/entry.ts';
import { unsettled } from '../ancestor.ts';
import { otherSide, type Side, type Sides } from '../plan.ts';
import type { ConflictPolicy, Direction, Policy } from '../policy.ts';
import {
  type ContentRow,
  contentRows,
  type Deed,
  type Kind,
  type KindsRow,
  kindsRows,
  type Pair,
  type Pattern,
  type Row,
  rows,
  type Way,
} from './rules-table.ts';

/** States of a path. The folders hold `x`, one more file `z`, fewer, something that is not ours (`u`), something unreadable (`y`); `w` is writable by the group. */
export const states = ['-', 'u', '!', 'f1', 'f1w', 'f2', 'f3', 'l1', 'l2', 'l3', 'd', 'd-', 'dw', 'd+', 'du', 'd!'] as const;

/** Of a half of the ancestor. `none`: there is no ancestor at all; `open`: left open by a first sync, the one thing unreadable that an ancestor may hold. */
export const halves = ['none', 'open', '-', 'u', 'f1', 'f1w', 'f2', 'l1', 'l2', 'd', 'dw', 'd+'] as const;

/** `in` and `added`: what folders hold. */
export type State = (typeof states)[number] | (typeof halves)[number] | 'in' | 'added';

export interface Situation {
  readonly before: Sides<State>;
  readonly now: Sides<State>;
  readonly policy: Pick<Policy, 'conflicts' | 'onTie' | 'direction' | 'first'>;
  readonly later: Side | 'tie';
}

/** The lines of a plan. */
export interface Lines {
  readonly ancestor: string[];
  readonly alpha: string[];
  readonly beta: string[];
  readonly conflicts: string[];
  readonly problems: string[];
}

export function entryOf(state: State, mtimeMs: number): Entry | undefined {
  switch (state) {
    case 'none':
    case '-':
      return undefined;
    case 'u':
      return untracked();
    case '!':
      return problematic();
    case 'open':
      return unsettled;
    case 'f1':
      return file('one', { mtimeMs });
    case 'f1w':
      return file('one', { mtimeMs, mode: 0o664 });
    case 'f2':
      return file('two', { mtimeMs });
    case 'f3':
      return file('three', { mtimeMs });
    case 'in':
    case 'added':
      return file(state, { mtimeMs });
    case 'l1':
      return link('a', { mtimeMs });
    case 'l2':
      return link('b', { mtimeMs });
    case 'l3':
      return link('c', { mtimeMs });
    case 'd':
    case 'd-':
    case 'dw':
    case 'd+':
    case 'du':
    case 'd!':
      return dir(Object.fromEntries(childrenOf(state).map((name) => [name, entryOf(childOf(state, name), 0)])), {
        mode: state === 'dw' ? 0o775 : 0o755,
      });
  }
}

const kinds: Readonly<Record<State, Kind>> = {
  none: 'nothing',
  '-': 'nothing',
  open: 'nothing',
  u: 'untracked',
  '!': 'unreadable',
  f1: 'file',
  f1w: 'file',
  f2: 'file',
  f3: 'file',
  in: 'file',
  added: 'file',
  l1: 'link',
  l2: 'link',
  l3: 'link',
  d: 'folder',
  'd-': 'folder',
  dw: 'folder',
  'd+': 'folder',
  du: 'folder',
  'd!': 'folder',
};

/** As the product of kinds counts it: apart from what it means to a rule. */
export function kindOf(state: State): string {
  return state === 'none' ? 'none' : state === 'open' ? 'unreadable' : kinds[state];
}

/** How a plan prints them: what they are, and a mode that is not the usual one. */
const texts: Readonly<Record<State, string>> = {
  none: '-',
  '-': '-',
  open: '-',
  u: '-',
  '!': '-',
  f1: 'one',
  f1w: 'one 664',
  f2: 'two',
  f3: 'three',
  in: 'in',
  added: 'added',
  l1: '@a',
  l2: '@b',
  l3: '@c',
  d: '/',
  'd-': '/',
  dw: '/ 775',
  'd+': '/',
  du: '/+',
  'd!': '/',
};

const contents: Partial<Readonly<Record<State, readonly string[]>>> = { d: ['x'], dw: ['x'], 'd+': ['x', 'z'], du: ['u', 'x'], 'd!': ['x', 'y'] };

function childrenOf(state: State): readonly string[] {
  return contents[state] ?? [];
}

function childOf(state: State, name: string): State {
  if (!childrenOf(state).includes(name)) return '-';
  return name === 'x' ? 'in' : name === 'z' ? 'added' : name === 'y' ? '!' : 'u';
}

/** Where a side's state is the same as its half of the ancestor, or less; anything else is new. */
const lessThan: Partial<Readonly<Record<State, readonly State[]>>> = {
  f1: ['f1w'],
  f1w: ['f1'],
  d: ['d-', 'dw'],
  dw: ['d-', 'd', 'du', 'd!'],
  'd+': ['d-', 'd', 'dw', 'du', 'd!'],
};

function deedOf(now: State, before: State): Deed {
  if (kinds[now] === 'nothing' || kinds[now] === 'untracked') return kinds[before] === 'nothing' || kinds[before] === 'untracked' ? 'same' : 'gone';
  if (now === before || (before === 'd' && (now === 'du' || now === 'd!'))) return 'same';
  return lessThan[before]?.includes(now) ? 'less' : 'new';
}

function pairOf({ alpha, beta }: Sides<State>): Pair {
  const both = [kinds[alpha], kinds[beta]];
  if (both.includes('unreadable')) return 'unreadable';
  if (both.every((kind) => kind === 'nothing' || kind === 'untracked')) return 'neither';
  if (both.every((kind) => kind === 'folder')) return 'folders';
  if (alpha === beta) return 'equal';
  if (!both.every((kind) => kind === 'file')) return 'unlike';
  return [alpha, beta].every((state) => state === 'f1' || state === 'f1w') ? 'one content' : 'two contents';
}

function wayTo(other: State, one: State): Way {
  if (one === 'u' || other === 'u') return 'untracked';
  if (kinds[one] === 'file' || kinds[one] === 'link') {
    if (other === 'du') return 'untracked';
    if (other === 'd!') return 'unreadable';
  }
  return 'clear';
}

/** The side that must not be changed. */
function fixedSide(direction: Direction): Side | undefined {
  return direction === 'both' ? undefined : direction === 'alpha-to-beta' ? 'alpha' : 'beta';
}

/** Every row that speaks of a situation, and which side is its *one*. */
export function rowsFor(situation: Situation): readonly { readonly row: Row; readonly one: Side }[] {
  const { before, now, policy } = situation;
  const pair = pairOf(now);
  const found: { row: Row; one: Side }[] = [];
  for (const row of rows) {
    if (row.pair !== pair) continue;
    const one = (['alpha', 'beta'] as const).find((side) => {
      const other = otherSide(side);
      return (
        fits(row.one, now[side], before[side]) &&
        fits(row.other, now[other], before[other]) &&
        (row.otherMay === undefined || row.otherMay === (fixedSide(policy.direction) === other ? 'not change' : 'change')) &&
        (row.way === undefined || row.way === wayTo(now[other], now[side]))
      );
    });
    if (one !== undefined) found.push({ row, one });
  }
  return found;
}

function fits(pattern: Pattern | undefined, now: State, before: State): boolean {
  if (pattern === undefined) return true;
  return pattern.did.includes(deedOf(now, before)) && (pattern.is === undefined || pattern.is.includes(kinds[now]));
}

/** The plan that the table asks for. */
export function planByTable(situation: Situation, path = 'p'): Lines {
  const lines: Lines = { ancestor: [], alpha: [], beta: [], conflicts: [], problems: [] };
  const found = rowsFor(situation)[0];
  if (found !== undefined) spellOut(lines, situation, path, found);
  return lines;
}

function spellOut(lines: Lines, situation: Situation, path: string, { row, one }: { readonly row: Row; readonly one: Side }): void {
  const { before, now } = situation;
  for (const side of ['alpha', 'beta'] as const) {
    if (now[side] === '!') lines.problems.push(`${path} ${side} EACCES`);
    if (now[side] === 'd!' && row.pair !== 'unreadable' && row.pair !== 'folders') lines.problems.push(`${path}/y ${side} EACCES`);
  }
  switch (row.then) {
    case 'report the problem':
    case 'nothing':
      return;
    case 'forget':
      if ([before.alpha, before.beta].some((half) => half !== '-' && half !== 'none')) lines.ancestor.push(`${path}: -`);
      return;
    case 'agree':
      return agree(lines, situation, path);
    case 'remember':
      return remember(lines, situation, path, one);
    case 'merge the folders':
      mergeModes(lines, situation, path, undefined, 'folder');
      for (const name of ['u', 'x', 'y', 'z']) {
        const below = (states: Sides<State>): Sides<State> => ({ alpha: childOf(states.alpha, name), beta: childOf(states.beta, name) });
        const plan = planByTable({ ...situation, before: below(before), now: below(now) }, `${path}/${name}`);
        for (const list of ['ancestor', 'alpha', 'beta', 'conflicts', 'problems'] as const) lines[list].push(...plan[list]);
      }
      return;
    case 'merge permissions':
      return mergeModes(lines, situation, path, undefined, 'file');
    case 'take the content':
      return mergeModes(lines, situation, path, one, 'file');
    case 'carry':
      return carry(lines, situation, path, one);
    case 'conflict: untracked':
      lines.conflicts.push(`${path} untracked: skipped (untracked)`);
      return;
    case 'conflict: one way':
      lines.conflicts.push(`${path} direction: skipped (one way)`);
      return;
    case 'settle contents': {
      const [settled] = contentRowsFor(situation);
      if (settled !== undefined) settleContents(lines, situation, path, settled);
      return;
    }
    case 'settle kinds': {
      const [settled] = kindsRowsFor(situation);
      if (settled !== undefined) settleKinds(lines, situation, path, settled);
      return;
    }
  }
}

/** The ancestor holds what each side has, if it does not yet. Only what a node is by itself counts: for a folder, its mode. */
function agree(lines: Lines, { before, now }: Situation, path: string): void {
  const knows = (side: Side): boolean => kinds[before[side]] === kinds[now[side]] && texts[before[side]] === plainText(now[side]);
  if (knows('alpha') && knows('beta')) return;
  const [alpha, beta] = [texts[now.alpha], texts[now.beta]];
  lines.ancestor.push(`${path}: ${alpha === beta ? alpha : `${alpha} | ${beta}`}`);
}

function plainText(state: State): string {
  return texts[state].replace('+', '');
}

/** What one side took away from what it alone has. */
function remember(lines: Lines, { before, now }: Situation, path: string, one: Side): void {
  const held = (at: string, text: string): void => void lines.ancestor.push(one === 'alpha' ? `${at}: ${text} | -` : `${at}: - | ${text}`);
  if (plainText(now[one]) !== texts[before[one]]) held(path, texts[now[one]]);
  for (const name of ['x', 'z']) if (childOf(before[one], name) !== '-' && childOf(now[one], name) === '-') lines.ancestor.push(`${path}/${name}: -`);
}

/** One side's state in place of the other's, with all that is below. */
function carry(lines: Lines, { before, now }: Situation, path: string, one: Side): void {
  const other = otherSide(one);
  const list = lines[other];
  const [wanted, there] = [now[one], now[other]];
  // What neither side has any more.
  for (const name of ['x', 'z']) {
    const was = childOf(before.alpha, name) !== '-' || childOf(before.beta, name) !== '-';
    if (was && childOf(wanted, name) === '-' && childOf(there, name) === '-') lines.ancestor.push(`${path}/${name}: -`);
  }
  for (const name of ['x', 'z']) {
    const child = childOf(there, name);
    if (kinds[there] === 'folder' && child !== '-') list.push(`${path}/${name}: ${texts[child]} -> -`);
  }
  if (kinds[wanted] === 'nothing') {
    // What is not ours keeps its folder, and that is held; what could not be read keeps it until the next run.
    if (there === 'du') lines.ancestor.push(other === 'alpha' ? `${path}: /+ | -` : `${path}: - | /+`);
    else if (there !== 'd!') list.push(`${path}: ${texts[there]} -> -`);
    return;
  }
  list.push(`${path}: ${texts[there]} -> ${plainText(wanted)}`);
  for (const name of ['x', 'z']) {
    const child = childOf(wanted, name);
    // What both have accepted to be on one side alone stays there alone, but in the place of something else the folder comes whole.
    const isHeld = kinds[there] !== 'file' && kinds[there] !== 'link' && child === childOf(before[one], name) && childOf(before[other], name) === '-';
    if (child !== '-' && !isHeld) list.push(`${path}/${name}: - -> ${texts[child]}`);
  }
}

/** Contents from where they are wanted, and the one field of the modes that differs in these states: whether the group may write. */
function mergeModes(lines: Lines, situation: Situation, path: string, source: Side | undefined, kind: 'file' | 'folder'): void {
  const { before, now, policy } = situation;
  const fixed = fixedSide(policy.direction);
  const known = kinds[before.alpha] === kind && kinds[before.beta] === kind;
  const writable = { alpha: isWritable(now.alpha), beta: isWritable(now.beta) };
  const changed = { alpha: writable.alpha !== isWritable(before.alpha), beta: writable.beta !== isWritable(before.beta) };
  let merged = writable;
  if (known && changed.alpha !== changed.beta) {
    const from = changed.alpha ? 'alpha' : 'beta';
    // One way, a side keeps what it did to its own permissions.
    if (fixed !== otherSide(from)) merged = { alpha: writable[from], beta: writable[from] };
  } else if (known && changed.alpha && fixed === undefined) {
    const both = writable.alpha && writable.beta;
    merged = { alpha: both, beta: both };
  }
  let moves = false;
  for (const side of ['alpha', 'beta'] as const) {
    const old = texts[now[side]];
    const next = texts[now[source ?? side]].replace(/ \d+$/, '') + (merged[side] ? (kind === 'folder' ? ' 775' : ' 664') : '');
    if (next === old) continue;
    lines[side].push(`${path}: ${old} -> ${next}`);
    moves = true;
  }
  if (!moves || (kind === 'folder' && !known)) agree(lines, situation, path);
}

function isWritable(state: State): boolean {
  return state === 'f1w' || state === 'dw';
}

function isFirst({ before, policy }: Situation): boolean {
  return before.alpha === 'none' || (before.alpha === 'open' && policy.first === undefined);
}

function policyInForce({ before, policy }: Situation): ConflictPolicy | 'unasked' {
  if (before.alpha !== 'none' && before.alpha !== 'open') return policy.conflicts;
  return policy.first ?? (policy.conflicts === 'newer' ? 'unasked' : policy.conflicts);
}

interface Settled<R> {
  readonly row: R;
  readonly one: Side;
}

export function contentRowsFor(situation: Situation): readonly Settled<ContentRow>[] {
  const { policy, later } = situation;
  const inForce = policyInForce(situation);
  const fixed = fixedSide(policy.direction);
  const found: Settled<ContentRow>[] = [];
  for (const row of contentRows) {
    const one = (['alpha', 'beta'] as const).find(
      (side) =>
        row.wanted === (inForce === 'alpha' || inForce === 'beta' ? (inForce === side ? 'names one' : 'names other') : inForce) &&
        (row.later === undefined || row.later === (later === side ? 'one' : later === 'tie' ? 'tie' : undefined)) &&
        (row.onTie === undefined || row.onTie === policy.onTie) &&
        (row.fixed === undefined || row.fixed.includes(fixed === undefined ? 'none' : fixed === side ? 'one' : 'other')),
    );
    if (one !== undefined) found.push({ row, one });
  }
  return found;
}

function settleContents(lines: Lines, situation: Situation, path: string, { row, one }: Settled<ContentRow>): void {
  const { now } = situation;
  const rule = row.text.replace('{one}', one);
  if (row.ends === 'left open') {
    if (situation.before.alpha === 'none') lines.ancestor.push(`${path}: open`);
    lines.conflicts.push(`${path} ${row.reason}: skipped (${rule})`);
    return;
  }
  const winner = row.ends === 'both kept, the lesser has the name' ? lesser(now) : one;
  const loser = otherSide(winner);
  if (row.ends === 'one wins') lines.conflicts.push(`${path} ${row.reason}: ${winner} (${rule})`);
  else {
    const keptAs = `${path} (conflict ${loser === 'alpha' ? 'laptop' : 'balaur'} 2026-11-21)`;
    for (const side of ['alpha', 'beta'] as const) lines[side].push(`${keptAs}: - -> ${texts[now[loser]]}`);
    lines.conflicts.push(`${path} ${row.reason}: keep-both (${rule}) as ${keptAs}`);
  }
  if (pairOf(now) === 'two contents') mergeModes(lines, situation, path, winner, 'file');
  else lines[loser].push(`${path}: ${texts[now[loser]]} -> ${texts[now[winner]]}`);
}

function lesser({ alpha, beta }: Sides<State>): Side {
  if (kinds[alpha] !== kinds[beta]) return kinds[alpha] === 'file' ? 'alpha' : 'beta';
  const key = (state: State): string => {
    const entry = entryOf(state, 0);
    return entry?.kind === 'file' ? entry.digest : entry?.kind === 'symlink' ? entry.target : '';
  };
  return key(alpha) < key(beta) ? 'alpha' : 'beta';
}

export function kindsRowsFor(situation: Situation): readonly Settled<KindsRow>[] {
  const { now, policy } = situation;
  const folder = kinds[now.alpha] === 'folder' ? 'alpha' : 'beta';
  const inForce = policyInForce(situation);
  const winner = inForce === 'alpha' || inForce === 'beta' ? inForce : undefined;
  const wins = winner === undefined ? 'no side' : winner === folder ? 'the folder' : 'the other';
  const loserMay = fixedSide(policy.direction) === (winner && otherSide(winner)) && winner !== undefined ? 'not change' : 'change';
  return kindsRows
    .filter(
      (row) =>
        row.wins === wins &&
        (row.loserMay === undefined || row.loserMay === loserMay) &&
        (row.first === undefined || row.first === isFirst(situation)) &&
        (row.way === undefined || row.way === wayTo(now[folder], now[otherSide(folder)])),
    )
    .map((row) => ({ row, one: winner ?? folder }));
}

function settleKinds(lines: Lines, situation: Situation, path: string, { row, one: winner }: Settled<KindsRow>): void {
  const rule = row.text.replace('{winner}', winner);
  if (row.ends === 'left open') {
    if (situation.before.alpha === 'none') lines.ancestor.push(`${path}: open`);
    if (row.reason !== 'problem') lines.conflicts.push(`${path} ${row.reason}: skipped (${rule})`);
    return;
  }
  lines.conflicts.push(`${path} ${row.reason}: ${winner} (${rule})`);
  carry(lines, situation, path, winner);
}

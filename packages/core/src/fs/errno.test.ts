/**
 * A disk that fails one call, on simulated disks: every call of a run, with every error that such a call may have. `FAULTS=all` tries them all
 * (`npm run proofs:faults`), `FAULTS=600-700` those calls; otherwise each call with one of them in turn, and of the calls a sample.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { errnoError } from '../engine/errno.ts';
import type { Side } from '../reconcile/plan.ts';
import type { SimulatedCall } from '../testing/simulated-machine.ts';
import { editBoth, makeAgreed, movedEdits, renamed, twins } from './test-support/mixed-plan.ts';
import { lostContent } from './test-support/power-cuts.ts';
import { createSimulatedPair, ended, type SimulatedPair } from './test-support/simulated-pair.ts';

const chosen = process.env['FAULTS'];
const triesAll = chosen !== undefined;
const [first = 0, last = Number.POSITIVE_INFINITY] = chosen === undefined || chosen === 'all' ? [] : chosen.split('-').map(Number);
const stride = triesAll ? 1 : 29;
const timeout = 36_000_000;

const full = ['ENOSPC', 'EDQUOT'];
const newName = [...full, 'EACCES', 'EROFS', 'ENAMETOOLONG'];

/** What each call may say on Linux (section 2 of its manual), beside `EIO`, which all may. What is done by name may also be denied. */
const errnosByCall: Readonly<Record<string, readonly string[]>> = {
  openRoot: ['EACCES', 'EMFILE', 'ELOOP'],
  resolve: ['EACCES', 'ELOOP'],
  openDirectory: ['EACCES', 'EMFILE', 'ELOOP'],
  'openFile read': ['EACCES', 'EMFILE', 'ELOOP'],
  'openFile write': ['EACCES', 'EMFILE', 'ELOOP', 'EROFS', 'ETXTBSY'],
  'openFile append': ['EACCES', 'EMFILE', 'ELOOP', 'EROFS', 'ETXTBSY'],
  'openFile create': [...newName, 'EMFILE'],
  stat: [],
  statfs: ['EACCES'],
  lstat: ['EACCES'],
  list: ['EACCES', 'EMFILE'],
  glance: ['EACCES'],
  glanceList: ['EACCES', 'EMFILE'],
  glanceLink: ['EACCES'],
  readlink: ['EACCES'],
  makeDirectory: newName,
  symlink: newName,
  rename: newName,
  link: newName,
  unlink: ['EACCES', 'EROFS'],
  removeDirectory: ['EACCES', 'EROFS'],
  chmod: ['EACCES', 'EMFILE', 'EROFS'],
  copyFile: [...newName, 'EMFILE'],
  sync: full,
  syncFileSystem: [],
  'file.stat': [],
  'file.read': [],
  'file.write': [...full, 'EROFS'],
  'file.truncate': ['EROFS'],
  'file.chmod': ['EROFS'],
  'file.chown': ['EPERM', 'EROFS', 'EDQUOT'],
  'file.setTimes': ['EPERM', 'EROFS'],
  'file.sync': full,
};

function errnosOf({ call, access }: SimulatedCall): readonly string[] {
  const errnos = errnosByCall[access === undefined ? call : `${call} ${access}`];
  if (errnos === undefined) throw new Error(`what may ${call} say?`);
  return ['EIO', ...errnos];
}

const sides = ['alpha', 'beta'] as const;
let before: SimulatedPair;
/** Both sides before the run, and as it leaves them if nothing fails. */
let trees: Readonly<Record<'before' | 'after', Readonly<Record<Side, readonly string[]>>>>;
let contents: readonly string[];
/** All calls of the run, in order. */
const made: { readonly side: Side; readonly call: SimulatedCall }[] = [];

beforeAll(async () => {
  before = createSimulatedPair();
  makeAgreed(before);
  await before.sync();
  editBoth(before);
  contents = [...before.user.alpha.contents(), ...before.user.beta.contents()];
  const after = before.killed();
  await after.sync({ onCall: (side, call) => void made.push({ side, call }) });
  const treesOf = (pair: SimulatedPair): Readonly<Record<Side, readonly string[]>> => ({ alpha: pair.tree('alpha'), beta: pair.tree('beta') });
  trees = { before: treesOf(before), after: treesOf(after) };
}, timeout);

describe('a disk that fails one call', () => {
  it('what it was for fails by name, the rest is done, nothing is lost, and the next run finishes', { timeout }, async () => {
    const violations: string[] = [];
    let tried = 0;
    let partial = 0;
    for (let n = first; n <= Math.min(last, made.length - 1); n += stride) {
      const { side, call } = made[n] as (typeof made)[number];
      const errnos = errnosOf(call);
      for (const errno of triesAll ? errnos : [errnos[n % errnos.length] ?? 'EIO']) {
        const fault: Fault = { n, side, call, errno };
        const pair = before.killed();
        const result = await withFault(pair, fault);
        const wrong = [...whatIsWrong(pair, result, fault), ...(await whatIsNotFinished(pair, fault))];
        if (wrong.length > 0) violations.push(`call ${n}, ${side} ${call.call} ${call.path} ${call.toPath ?? ''}: ${errno}: ${wrong.join('; ')}`);
        tried++;
        partial += Number(typeof result === 'object' && 'outcome' in result && result.outcome === 'partial');
      }
    }
    expect(violations).toEqual([]);
    if (triesAll) process.stdout.write(`${tried} faults at ${made.length} calls, ${partial} runs that told what failed\n`);
    if (chosen === undefined || chosen === 'all') expect(Math.min(tried, partial)).toBeGreaterThan(triesAll ? 1000 : 10);
  });
});

interface Fault {
  readonly n: number;
  readonly side: Side;
  readonly call: SimulatedCall;
  readonly errno: string;
}

async function withFault(pair: SimulatedPair, fault: Fault): ReturnType<typeof ended> {
  let count = 0;
  let isMade = false;
  const result = await ended(
    pair.sync({
      onCall(side, call) {
        if (count++ !== fault.n) return;
        // Names of locks and runs are others in each run.
        isMade = side === fault.side && call.call === fault.call.call && pathInTree({ side, call }) === pathInTree(fault);
        throw errnoError(fault.errno, 'injected');
      },
    }),
  );
  if (!isMade) throw new Error(`call ${fault.n} is another one than ${fault.call.call} ${fault.call.path}`);
  return result;
}

function whatIsWrong(pair: SimulatedPair, result: Awaited<ReturnType<typeof ended>>, fault: Fault): readonly string[] {
  const lost = lostContent(pair, contents);
  const wrong = lost === undefined ? [] : [lost];
  const item = pathInTree(fault);
  if (result === 'gone' || result instanceof Error || result.outcome === 'halted')
    return item === undefined ? wrong : [...wrong, `the run ends: ${result instanceof Error ? result.message : 'it halts'}`];
  const failed = [...new Set(result.problems.map(({ path }) => path))];
  if (result.outcome !== (failed.length > 0 ? 'partial' : 'applied')) wrong.push(`it is ${result.outcome}`);
  const others = item === undefined ? [] : failed.filter((path) => !dependsOn(path, item) && !dependsOn(item, path));
  if (others.length > 0) wrong.push(`fails, too: ${others.join(' ')}`);
  const isOfOne = item === undefined ? isOfOneContent(fault) : fault.call.writes && fault.call.call !== 'sync';
  if (isOfOne && failed.length > 0 && !failed.some((one) => failed.every((path) => dependsOn(path, one))))
    wrong.push(`all of these fail: ${failed.join(' ')}`);
  const undone = undonePaths(pair).filter((path) => !failed.some((one) => dependsOn(path, one)));
  if (undone.length > 0) wrong.push(`not done: ${undone.join(' ')}, and what failed is ${failed.join(' ')}`);
  return wrong;
}

/** What the call was for. `undefined`: the root, or the state folder. */
function pathInTree({ side, call: { path, toPath = '' } }: Pick<Fault, 'side' | 'call'>): string | undefined {
  const root = `/home/${side}/`;
  return [path, toPath].find((at) => at.startsWith(root) && !at.startsWith(`${root}.ubos-sync`))?.slice(root.length);
}

/** A full disk takes no other content, either. */
function isOfOneContent({ call: { path, writes }, errno }: Fault): boolean {
  return writes && /\/\.ubos-sync\/(staging|versions\/content)\/./.test(path) && !full.includes(errno);
}

/**
 * Whether a path may be left undone because another one failed: it is that one, or lies in it; or it is a folder that is to go, and still holds it. A rename is
 * one thing under its two names, and so are files of one content, which is sent once.
 */
function dependsOn(path: string, failed: string): boolean {
  return namesOf(path).some((name) => namesOf(failed).some((other) => isWithin(name, other) || (isWithin(other, name) && isToGo(name))));
}

function isWithin(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}

function namesOf(path: string): readonly string[] {
  if (twins.includes(path)) return twins;
  const other = ([from, to]: readonly [string, string]): readonly string[] => (isWithin(path, from) ? [to + path.slice(from.length)] : []);
  return [path, ...renamed.flatMap(([from, to]) => [...other([from, to]), ...other([to, from])])];
}

function isToGo(path: string): boolean {
  const isFolder = (line: string): boolean => line.startsWith(`${path}/ `);
  return sides.some((side) => trees.before[side].some(isFolder) && !trees.after[side].some(isFolder));
}

/** Where a side is not as it is to be. */
function undonePaths(pair: SimulatedPair): readonly string[] {
  const lines = sides.flatMap((side) => {
    const [now, wanted] = [pair.tree(side), trees.after[side]];
    return [...wanted.filter((line) => !now.includes(line)), ...now.filter((line) => !wanted.includes(line))];
  });
  return [...new Set(lines.map((line) => line.slice(0, line.search(/\/? /))))];
}

async function whatIsNotFinished(pair: SimulatedPair, { call }: Fault): Promise<readonly string[]> {
  const report = await ended(pair.sync());
  if (report === 'gone' || report instanceof Error || report.outcome === 'halted') return ['the next run ends, too'];
  if (report.problems.length > 0) return [`the next run has a problem at ${report.problems.map(({ path }) => path).join(' ')}`];
  // A file that could not be read was not recognised as the one that was renamed, and whoever edited it has it under its old name as well.
  const isUnread = !call.writes && movedEdits.some((path) => call.path.endsWith(`/${path}`));
  const undone = undonePaths(pair).filter((path) => !(isUnread && movedEdits.includes(path)));
  if (undone.length > 0) return [`the next run leaves ${undone.join(' ')}`];
  const again = await ended(pair.sync());
  return typeof again === 'object' && 'outcome' in again && again.outcome === 'in-sync' ? [] : ['the run after that is not in sync'];
}

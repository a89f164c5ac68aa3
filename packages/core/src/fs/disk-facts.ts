/**
 * What was found out about a root's file system, kept in `.ubos-sync/disk.json`: finding out writes probe files, and a run that has nothing to do writes
 * nothing. Asked anew after a day, another kernel or another file system.
 */
import { release } from 'node:os';
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory } from '../engine/disk.ts';
import type { Folding } from '../scope/rules.ts';
import { readWholeFile, writeFileAtomically } from './atomic-write.ts';
import { probeFolding, probeStamping } from './probe.ts';
import type { Stamping } from './scan-index.ts';

export interface DiskFacts {
  readonly folding: Folding;
  /** `undefined`: not known; then nothing is taken for granted. */
  readonly stamping: Stamping | undefined;
}

export interface LearnOptions {
  readonly root: DiskDirectory;
  /** The state folder, if there is one. */
  readonly state: DiskDirectory | undefined;
  readonly mayWrite: boolean;
  readonly clock: Clock;
}

export async function learnDiskFacts({ root, state, mayWrite, clock }: LearnOptions): Promise<DiskFacts> {
  const found = `${root.statfs().type} ${release()}`;
  const known = state && readFacts(state, found, clock.nowMs());
  if (known !== undefined) return known;
  if (state === undefined || !mayWrite) return { folding: probeFolding(root), stamping: undefined };
  const facts: DiskFacts = { folding: probeFolding(root, { writeIn: state }), stamping: probeStamping(state, clock) };
  const text = JSON.stringify({ format: 1, of: found, atMs: clock.nowMs(), ...facts }, undefined, 2);
  await writeFileAtomically(state, factsName, new TextEncoder().encode(`${text}\n`));
  return facts;
}

const factsName = 'disk.json';
const bytesMax = 4096;
const dayMs = 24 * 60 * 60 * 1000;

function readFacts(state: DiskDirectory, of: string, nowMs: number): DiskFacts | undefined {
  const bytes = readWholeFile(state, factsName, bytesMax);
  if (bytes === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value.format !== 1 || value.of !== of || typeof value.atMs !== 'number' || Math.abs(nowMs - value.atMs) > dayMs)
    return undefined;
  const { folding, stamping } = value;
  if (!isRecord(folding) || typeof folding.ignoresCase !== 'boolean' || typeof folding.ignoresUnicodeForm !== 'boolean') return undefined;
  if (!isRecord(stamping) || typeof stamping.exact !== 'boolean' || typeof stamping.aheadMs !== 'number') return undefined;
  return {
    folding: { ignoresCase: folding.ignoresCase, ignoresUnicodeForm: folding.ignoresUnicodeForm },
    stamping: { exact: stamping.exact, aheadMs: stamping.aheadMs },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/**
 * Settling a content conflict: two files (or links) with different contents, both of them new. A policy names the winner, or says that both are kept, or
 * leaves it to people. Nothing is guessed: where `newer` cannot tell, that is a tie.
 */
import type { File, Symlink } from '../tree/entry.ts';
import type { Conflict, ConflictReason, Side, Sides } from './plan.ts';
import type { ClockRelation, ConflictPolicy, PathRules, Policy } from './policy.ts';

/** How a conflict ends. `winner` is given unless it was skipped: with `keep-both`, the one that keeps the name. */
export interface Settlement {
  readonly reason: ConflictReason;
  readonly rule: string;
  readonly resolution: Conflict['resolution'];
  readonly winner: Side | undefined;
  /** Of the clocks, where times were compared; also where they could not tell. */
  readonly clock?: ClockRelation | undefined;
}

export interface SettleContext {
  readonly policy: Policy;
  /** `undefined`: one clock made the times of both sides. */
  readonly clock: ClockRelation | undefined;
  /** The pair has no ancestor at all; or this was left open when it had none. */
  readonly first: boolean;
}

export function settleContent(contents: Sides<File | Symlink>, rules: PathRules, context: SettleContext): Settlement {
  const wanted = wantedPolicy(rules, context);
  if (wanted === undefined) return skipped('first-sync', '6 first sync');
  const settled = settleBy(wanted, contents, context);
  if (rules.fixed === undefined || settled.resolution === 'skipped') return settled;
  // One side is not to be changed. The other one was changed too, and that is given up only for a policy that names the winner outright.
  if (wanted === rules.fixed) return settled;
  return { ...settled, reason: 'direction', rule: `${settled.rule}, one way`, resolution: 'skipped', winner: undefined };
}

/** A side that a policy names for this pair of kinds, where no time could decide. */
export function namedSide(rules: PathRules, context: SettleContext): Side | undefined {
  const wanted = wantedPolicy(rules, context);
  return wanted === 'alpha' || wanted === 'beta' ? wanted : undefined;
}

/** On a first sync times prove nothing (a fresh clone has new times on old content): `newer` has to be asked for. */
function wantedPolicy({ conflicts }: PathRules, { policy, first }: SettleContext): ConflictPolicy | undefined {
  if (!first) return conflicts;
  return policy.first ?? (conflicts === 'newer' ? undefined : conflicts);
}

function settleBy(wanted: ConflictPolicy, contents: Sides<File | Symlink>, { policy, clock }: SettleContext): Settlement {
  switch (wanted) {
    case 'alpha':
    case 'beta':
      return { reason: 'content', rule: `6 ${wanted}`, resolution: wanted, winner: wanted };
    case 'skip':
      return skipped('content', '6 skip');
    case 'keep-both':
      return { reason: 'content', rule: '6 keep both', resolution: 'keep-both', winner: newerSide(contents, clock) ?? lesserSide(contents), clock };
    case 'newer': {
      const winner = newerSide(contents, clock);
      if (winner !== undefined) return { reason: 'content', rule: '6 newer', resolution: winner, winner, clock };
      if (policy.onTie === 'skip') return { ...skipped('tie', '6 tie'), clock };
      return { reason: 'tie', rule: '6 tie, keep both', resolution: 'keep-both', winner: lesserSide(contents), clock };
    }
  }
}

function skipped(reason: ConflictReason, rule: string): Settlement {
  return { reason, rule, resolution: 'skipped', winner: undefined };
}

/** The measure of two clocks is never better than this: file systems round times, and a write takes a while. */
const uncertaintyLeastMs = 1000;

/** The side whose content was written later, both times read on one clock; `undefined` inside the uncertainty of that. */
export function newerSide({ alpha, beta }: Sides<File | Symlink>, clock: ClockRelation | undefined): Side | undefined {
  const laterMs = beta.mtimeMs - alpha.mtimeMs - (clock?.offsetMs ?? 0);
  const bandMs = clock === undefined ? 0 : Math.max(uncertaintyLeastMs, clock.uncertaintyMs);
  if (laterMs > bandMs) return 'beta';
  if (laterMs < -bandMs) return 'alpha';
  return undefined;
}

/** One of the two, chosen by what they are and not by where they are, so that both ends choose alike. */
function lesserSide({ alpha, beta }: Sides<File | Symlink>): Side {
  const winner: Side = textOf(alpha) < textOf(beta) ? 'alpha' : 'beta';
  return alpha.kind === beta.kind ? winner : alpha.kind === 'file' ? 'alpha' : 'beta';
}

function textOf(entry: File | Symlink): string {
  return entry.kind === 'file' ? `${entry.digest}${entry.sizeBytes}` : entry.target;
}

/**
 * A plan as lines, for tables of cases. `a: one -> two` changes a file, `-` is nothing, `/` a directory (`/+`: with something in it that is not ours),
 * `@b` a link; a mode is given where it is not the usual one. `a: one | two` in the ancestor is a held entry: one state on each side.
 */
import { file } from '../../testing/trees.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Change } from '../change.ts';
import type { Plan } from '../plan.ts';

export interface PlanLines {
  readonly ancestor: readonly string[];
  readonly alpha: readonly string[];
  readonly beta: readonly string[];
  readonly conflicts: readonly string[];
  readonly problems: readonly string[];
}

export function linesOf(plan: Plan): PlanLines {
  const change = ({ path, old, new: next }: Change): string => `${path}: ${nodeText(old)} -> ${nodeText(next)}`;
  return {
    ancestor: plan.ancestorChanges.map(({ path, alpha, beta }) => {
      const [left, right] = [nodeText(alpha), nodeText(beta)];
      return `${path || '.'}: ${left === right ? left : `${left} | ${right}`}`;
    }),
    alpha: plan.alphaChanges.map(change),
    beta: plan.betaChanges.map(change),
    conflicts: plan.conflicts.map(
      ({ path, reason, resolution, rule, keptAs }) => `${path} ${reason}: ${resolution} (${rule})${keptAs === undefined ? '' : ` as ${keptAs}`}`,
    ),
    problems: plan.problems.map(({ path, side, code }) => `${path} ${side} ${code}`),
  };
}

function nodeText(entry: Entry | undefined): string {
  switch (entry?.kind) {
    case undefined:
      return '-';
    case 'directory':
      return `/${entry.hasUntracked ? '+' : ''}${entry.mode === 0o755 ? '' : ` ${entry.mode.toString(8)}`}`;
    case 'file':
      return `${texts.get(entry.digest) ?? '?'}${entry.mode === 0o644 ? '' : ` ${entry.mode.toString(8)}`}`;
    case 'symlink':
      return `@${entry.target}`;
    case 'untracked':
      return 'untracked';
    case 'problematic':
      return entry.code === 'SYNC_UNSETTLED' ? 'open' : entry.code;
  }
}

const texts = new Map(['one', 'two', 'three', 'four', 'in', 'added'].map((text) => [file(text).digest, text]));

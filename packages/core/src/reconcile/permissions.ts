/**
 * Permissions: three fields (owner, group, others) of three bits, each merged by itself, so that a `chmod g+w` here and a `chmod o-r` there both hold.
 *
 * | known of a field                          | becomes                                              |
 * |-------------------------------------------|------------------------------------------------------|
 * | changed on neither side                   | what it is on each (a difference here is held)       |
 * | changed on one                            | that, on both                                        |
 * | changed on both, alike                    | that                                                 |
 * | changed on both, differently              | the bits that both allow                             |
 * | no ancestor                               | execute bits of either; the rest as it is on each    |
 */
import type { Mode } from '../tree/entry.ts';
import type { Side, Sides } from './plan.ts';

/**
 * The modes that both sides are to have. `before`: in the ancestor's halves, `undefined` where it has nothing of this kind.
 * A `fixed` side keeps its mode, and the other one keeps each field that it has changed.
 */
export function mergeModes(now: Sides<Mode>, before: Sides<Mode | undefined>, fixed?: Side): Sides<Mode> {
  const merged = before.alpha === undefined || before.beta === undefined ? mergeWithout(now) : mergeFields(now, before as Sides<Mode>, fixed);
  if (fixed === undefined) return merged;
  return fixed === 'alpha' ? { alpha: now.alpha, beta: merged.beta } : { alpha: merged.alpha, beta: now.beta };
}

function mergeWithout({ alpha, beta }: Sides<Mode>): Sides<Mode> {
  const execute = (alpha | beta) & 0o111;
  return { alpha: alpha | execute, beta: beta | execute };
}

function mergeFields(now: Sides<Mode>, before: Sides<Mode>, fixed: Side | undefined): Sides<Mode> {
  let alpha = 0;
  let beta = 0;
  for (const field of fields) {
    const left = now.alpha & field;
    const right = now.beta & field;
    const leftChanged = left !== (before.alpha & field);
    const rightChanged = right !== (before.beta & field);
    if (leftChanged !== rightChanged) {
      const changed = leftChanged ? left : right;
      alpha |= changed;
      beta |= changed;
    } else if (leftChanged && fixed === undefined) {
      alpha |= left & right;
      beta |= left & right;
    } else {
      alpha |= left;
      beta |= right;
    }
  }
  return { alpha, beta };
}

const fields: readonly Mode[] = [0o700, 0o070, 0o007];

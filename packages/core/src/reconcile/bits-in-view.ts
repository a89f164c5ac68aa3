/**
 * What an ancestor has to hold when other permission bits are looked at than before: another mask, other policies, a folder that only led to something in
 * scope and is in scope now. A bit that came into view was never agreed on. It is taken to have been, on each side, what it is there now: so nobody has
 * changed it, a difference is held, and from now on a change travels. A bit that went out of view is dropped. So no such change makes a `chmod` by itself.
 */
import { type Entry, type Mode, nodeOf } from '../tree/entry.ts';
import type { RelativePath } from '../tree/path.ts';
import { walk } from '../tree/walk.ts';
import type { Ancestor, AncestorChange } from './ancestor.ts';
import { bothSides, otherSide, type Side, type Sides } from './plan.ts';

/** The bits that are looked at. */
export type BitsAt = (path: RelativePath, kind: 'directory' | 'other') => Mode;

/** The changes that bring an ancestor up to the bits that `now` was scanned with. Costs the entries. */
export function bringIntoView(
  ancestor: Ancestor,
  now: Sides<Entry | undefined>,
  bits: { readonly was: BitsAt; readonly is: BitsAt },
): AncestorChange[] {
  const changes: AncestorChange[] = [];
  walk([ancestor.alpha, ancestor.beta, now.alpha, now.beta], (path, [wasAlpha, wasBeta, alpha, beta]) => {
    // What one side alone has is compared with nothing.
    if (wasAlpha === undefined || wasBeta === undefined) return false;
    const before = { alpha: wasAlpha, beta: wasBeta };
    const after = { alpha: inView('alpha'), beta: inView('beta') };
    if (bothSides.some((side) => after[side] !== before[side])) changes.push({ path, alpha: nodeOf(after.alpha), beta: nodeOf(after.beta) });
    return true;

    function inView(side: Side): Entry {
      const entry = before[side];
      if (entry.kind !== 'directory' && entry.kind !== 'file') return entry;
      const kind = entry.kind === 'directory' ? 'directory' : 'other';
      const [was, is] = [bits.was(path, kind), bits.is(path, kind)];
      // Where a side cannot be read now, or has let go of it, the other one is the best guess.
      const seen = { alpha, beta };
      const mode = (entry.mode & is) | ((modeOf(seen[side], entry) ?? modeOf(seen[otherSide(side)], entry) ?? 0) & is & ~was);
      return mode === entry.mode ? entry : { ...nodeOf(entry), mode };
    }
  });
  return changes;
}

function modeOf(entry: Entry | undefined, like: Entry): Mode | undefined {
  return entry !== undefined && entry.kind === like.kind && 'mode' in entry ? entry.mode : undefined;
}

/** What new settings do to what was agreed under the old ones: other permission bits are looked at. (What left the scope is gone on both sides.) */
import type { AncestorChange } from '../../reconcile/ancestor.ts';
import { type BitsAt, bringIntoView } from '../../reconcile/bits-in-view.ts';
import type { Sides } from '../../reconcile/plan.ts';
import { compileScope } from '../../scope/compile-scope.ts';
import { compilePermissionMasks } from '../../scope/permission-masks.ts';
import type { Folding } from '../../scope/rules.ts';
import type { Entry } from '../../tree/entry.ts';
import { maskBits } from '../../tree/mode.ts';
import { rootPath } from '../../tree/path.ts';
import type { ScanSettings } from '../settings.ts';
import type { AgreedStart } from './agree-start.ts';

/** To be remembered before anything else of the plan is. Nothing, where the settings are those of the last run. */
export function takeOverSettings(
  { ancestor, head, newSettings }: AgreedStart,
  trees: Sides<Entry | undefined>,
  { settings, folding }: { readonly settings: ScanSettings; readonly folding: Folding },
): readonly AncestorChange[] {
  if (ancestor === undefined || head === undefined || newSettings === undefined) return [];
  return bringIntoView(ancestor, trees, { was: bitsUnder(head.settings, folding), is: bitsUnder(settings, folding) });
}

/** The root and folders that only lead to something in scope carry no mode. */
function bitsUnder(settings: ScanSettings, folding: Folding): BitsAt {
  const scope = compileScope(settings.scope, { folding });
  const masks = compilePermissionMasks(settings, folding);
  return (path, kind) => (path === rootPath || !scope.includes(path, kind) ? 0 : maskBits[masks.at(path, kind)]);
}

/**
 * The scan of alpha while beta is still on its way: starting a program on the far side takes longer than looking at most trees.
 *
 * The order of things stays what it is: alpha is locked first, and stays locked until the run is over, so what was found is as good as what a scan after the
 * meeting would find. Only trying to lock is allowed here, since waiting is done in one order for both roots (`lock-both.ts`). And the guards that only beta
 * knows of are not known yet, nor what its file system does to names: if that is another scope, alpha is scanned once more.
 */
import { exactNames, type Folding, type ScopeRules } from '../../scope/rules.ts';
import { isSyncError } from '../errors.ts';
import type { ReplicaLock, ScanBaseline, Snapshot } from '../replica.ts';
import type { SyncOptions } from '../run-sync.ts';
import { keepGuards, lockOptionsOf, scanOptionsOf, scopeWith } from './survey-options.ts';

export interface ScanAhead {
  /** Alpha's. */
  readonly lock: ReplicaLock;
  /** What was found, held against the baseline. `undefined`: another scope was looked at than is needed; that scan is over then. */
  take(
    wanted: { readonly scope: ScopeRules; readonly peerFolding: Folding | undefined },
    baseline: ScanBaseline | undefined,
  ): Promise<Snapshot | undefined>;
  /** Ends the scan, if it is not over, and releases the lock. Twice is fine, and so is after the end of the run. */
  drop(): Promise<void>;
}

/** `undefined`: alpha is not a root that was synced before, or it is busy, or calls to it cost round trips. */
export async function scanAhead(options: SyncOptions, run: string): Promise<ScanAhead | undefined> {
  const { alpha, signal } = options;
  if (alpha.capabilities.remote) return undefined;
  const identity = await alpha.identify();
  if (identity.root !== 'directory' || identity.id === undefined) return undefined;
  const lock = await alpha.lock({ ...lockOptionsOf(options, { initiator: identity.host, run }), waitMs: 0 }).catch((error: unknown) => {
    if (isSyncError(error) && error.code === 'SYNC_LOCKED') return undefined;
    throw error;
  });
  if (lock === undefined) return undefined;
  try {
    await keepGuards(options);
  } catch (error) {
    await lock.release();
    throw error;
  }

  const dropped = new AbortController();
  let give: (baseline: ScanBaseline | undefined) => void = () => {};
  const baseline = new Promise<ScanBaseline | undefined>((resolve) => {
    give = resolve;
  });
  const scope = scopeWith(options, [identity]);
  const scanned = alpha.scan({
    ...scanOptionsOf(options, scope),
    baseline,
    signal: signal === undefined ? dropped.signal : AbortSignal.any([signal, dropped.signal]),
  });
  // Told to whoever takes it; nobody does where the run ends before.
  scanned.catch(() => undefined);
  return {
    lock,
    async take(wanted, known) {
      const isWanted = isSameList(wanted.scope.guard, scope.guard) && isCovered(wanted.peerFolding, identity.folding);
      if (!isWanted) dropped.abort();
      give(known);
      if (isWanted) return scanned;
      await scanned.catch(() => undefined);
      return undefined;
    },
    async drop() {
      dropped.abort();
      give(undefined);
      await scanned.catch(() => undefined);
      await lock.release();
    },
  };
}

/** Whether a scan that knew only its own file system has folded all that the other one does. */
function isCovered(peer: Folding = exactNames, own: Folding = exactNames): boolean {
  return (own.ignoresCase || !peer.ignoresCase) && (own.ignoresUnicodeForm || !peer.ignoresUnicodeForm);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

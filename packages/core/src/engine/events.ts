import type { SyncChange, SyncNotice } from './report.ts';

/** What a run tells while it goes on, for displays. The report at its end has everything again; nothing depends on these. */
export type SyncEvent =
  | { readonly type: 'phase'; readonly name: SyncPhase }
  | {
      readonly type: 'progress';
      readonly phase: SyncPhase;
      readonly doneBytes: number;
      readonly totalBytes: number;
      readonly doneItems: number;
      readonly totalItems: number;
    }
  /** A change was made (or failed), and is in the journal. */
  | { readonly type: 'change'; readonly change: SyncChange }
  | { readonly type: 'notice'; readonly notice: SyncNotice };

export type SyncPhase = 'connect' | 'lock' | 'scan' | 'reconcile' | 'transition' | 'commit' | 'log';

export type OnEvent = (event: SyncEvent) => void;

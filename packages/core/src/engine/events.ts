import type { RelativePath } from '../tree/path.ts';

/** What a run tells while it goes on, for displays. The report at its end has everything again; nothing depends on these. */
export type SyncEvent =
  | { readonly type: 'phase'; readonly name: SyncPhase }
  | { readonly type: 'progress'; readonly phase: SyncPhase; readonly doneBytes: number; readonly totalBytes: number; readonly doneItems: number; readonly totalItems: number }
  | { readonly type: 'notice'; readonly code: string; readonly message: string; readonly path?: RelativePath | undefined };

export type SyncPhase = 'connect' | 'lock' | 'scan' | 'reconcile' | 'stage' | 'transition' | 'commit' | 'log';

export type OnEvent = (event: SyncEvent) => void;

/**
 * The engine of ubos-sync: pure trees, digests, scope and reconcile, and the runs that carry their decisions out over any two replicas.
 *
 * @packageDocumentation
 */
export { type Child, type Directory, type Entry, type File, isSyncable, type Mode, type Problematic, sameNode, type Symlink, type Syncable, type Untracked } from './tree/entry.ts';
export { type SyncErrorCode, type SyncErrorDetails, isSyncError, SyncError, syncErrorCodes, syncErrorFromJSON } from './engine/errors.ts';
export { type AdmissionRecord, isAdmitted } from './engine/admission.ts';
export { type ArchiveCommit, type ArchiveHead, type ArchiveStatus, type ArchiveStore, type PairKey, pairKey } from './engine/archive-store.ts';
export type { Clock } from './engine/clock.ts';
export type { OnEvent, SyncEvent, SyncPhase } from './engine/events.ts';
export type { LogFacts, LogSource, LogStat } from './engine/log-source.ts';
export type { LogProgress, LogSink, OpenLog } from './engine/log-sink.ts';
export { type LogReport, type PullLogOptions, pullLog } from './engine/pull-log.ts';
export type {
  ContentFailure,
  ContentNeed,
  ContentPart,
  ContentRequest,
  LockOptions,
  Replica,
  ReplicaCapabilities,
  ReplicaId,
  ReplicaIdentity,
  ReplicaLock,
  RootState,
  ScanCounts,
  ScanOptions,
  Snapshot,
  StageOptions,
  StageResult,
  TimeSample,
  Transition,
  TransitionOptions,
  TransitionResult,
} from './engine/replica.ts';
export type { HaltReason, HeldEntry, SyncAction, SyncChange, SyncCounts, SyncHalt, SyncNotice, SyncOutcome, SyncProblem, SyncReport } from './engine/report.ts';
export type { Limit, PairSettings, PermissionMask, ScanSettings, SymlinkMode } from './engine/settings.ts';
export { defaultSyncSettings, type SyncSettings } from './engine/sync-settings.ts';
export { runSync, type SyncOptions } from './engine/run-sync.ts';
export { type Digest, type DigestKind, digestFromBytes, digestHex } from './hash/digest.ts';
export type { Extent } from './log/extent.ts';
export { chunkBytes, type ChunkChain, chunkExtents } from './log/chunk-chain.ts';
export type { LogCursor, LogVerify } from './log/cursor.ts';
export type { JsonCheck } from './log/lines.ts';
export type { LocalLog, LogOutcome } from './log/plan-pull.ts';
export type { Ancestor, AncestorChange } from './reconcile/ancestor.ts';
export type { Change } from './reconcile/change.ts';
export type { Conflict, ConflictReason, Side } from './reconcile/plan.ts';
export type { ConflictPolicy, Direction } from './reconcile/policy.ts';
export { type CompileScopeOptions, compileScope } from './scope/compile-scope.ts';
export { foldName, mergeFolding } from './scope/fold.ts';
export { escapePattern, patternProblem } from './scope/glob.ts';
export { auditGuards, configGuards, logGuards } from './scope/guards.ts';
export { compilePatterns, type PatternSet } from './scope/pattern.ts';
export { parseScopeRules, peerPatternBytesMax, peerPatternsMax, toPeerRules } from './scope/peer-rules.ts';
export { exactNames, type Folding, type ScopeRules } from './scope/rules.ts';
export type { Scope, ScopeDecision } from './scope/scope.ts';
export { compareNames, type Name, parseName } from './tree/name.ts';
export { type NodeAt, type NodeTable, type NodeTableLimits, nodesToTable, tableToNodes } from './tree/node-table.ts';
export { baseName, isWithin, joinPath, parentPath, parseRelativePath, type RelativePath, rootPath } from './tree/path.ts';
export { AssertionError, assert, assertNever } from './util/assert.ts';
export type { Parsed } from './util/parsed.ts';

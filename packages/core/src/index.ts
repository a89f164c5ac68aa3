/**
 * The engine of ubos-sync: pure trees, digests, scope and reconcile, and the runs that carry their decisions out over any two replicas.
 *
 * @packageDocumentation
 */

export { type AdmissionRecord, isAdmitted } from './engine/admission.ts';
export {
  type ArchiveCommit,
  type ArchiveHead,
  type ArchiveRoots,
  type ArchiveStatus,
  type ArchiveStore,
  type PairKey,
  pairKey,
} from './engine/archive-store.ts';
export type { Clock } from './engine/clock.ts';
export { isSyncError, SyncError, type SyncErrorCode, type SyncErrorDetails, syncErrorCodes, syncErrorFromJSON } from './engine/errors.ts';
export type { OnEvent, SyncEvent, SyncPhase } from './engine/events.ts';
export { type FollowLogOptions, followLog, type LogBatch } from './engine/logs/follow-log.ts';
export type { LogCopy, LogLook, LogProgress, LogSink, OnRotate, OpenLog } from './engine/logs/log-sink.ts';
export { generationsMax, type LogFacts, type LogGenerationFile, type LogSource, type LogStat } from './engine/logs/log-source.ts';
export { pullLog } from './engine/logs/pull-log.ts';
export type { OpenLogSource } from './engine/logs/reopening.ts';
export type { FinishedGeneration, LogReport, PullLogOptions } from './engine/logs/report.ts';
export { type LogVerification, type VerifyLogOptions, verifyLog } from './engine/logs/verify-log.ts';
export type { KeptPlan, PlanName, PlanStore } from './engine/plan-store.ts';
export type {
  ContentFailure,
  ContentNeed,
  ContentPart,
  ContentRequest,
  LockOptions,
  RecalledRun,
  Replica,
  ReplicaCapabilities,
  ReplicaId,
  ReplicaIdentity,
  ReplicaLock,
  Restored,
  RestoreOptions,
  RootState,
  ScanBaseline,
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
export { unnamedInMax } from './engine/replica.ts';
export type {
  HaltReason,
  HeldEntry,
  SyncAction,
  SyncChange,
  SyncCounts,
  SyncHalt,
  SyncNotice,
  SyncOutcome,
  SyncProblem,
  SyncReport,
} from './engine/report.ts';
export { runSync, type SyncOptions } from './engine/run-sync.ts';
export { runUndo, type UndoOptions } from './engine/run-undo.ts';
export type { Limit, PairSettings, ScanSettings, SymlinkMode } from './engine/settings.ts';
export { defaultSyncSettings, type SyncSettings } from './engine/sync-settings.ts';
export { type Digest, type DigestKind, digestFromBytes, digestHex, type HashBytes } from './hash/digest.ts';
export { merkleOfChildren, withMerkle } from './hash/merkle.ts';
export { type LogCheckpoint, parseLogCheckpoint } from './log/checkpoint.ts';
export { type ChunkChain, chunkBytes, chunkExtents } from './log/chunk-chain.ts';
export type { LogCursor, LogVerify } from './log/cursor.ts';
export type { Extent } from './log/extent.ts';
export { logsOfGeneration } from './log/generations.ts';
export type { JsonCheck } from './log/lines.ts';
export type { LocalLog, LogOutcome } from './log/plan-pull.ts';
export { type AlignInput, alignNames } from './reconcile/align-names.ts';
export { type Ancestor, type AncestorChange, agreed, isUnsettled } from './reconcile/ancestor.ts';
export { applyChanges } from './reconcile/apply.ts';
export { applyAncestorChanges } from './reconcile/apply-ancestor.ts';
export { applyPlan, type PairState } from './reconcile/apply-plan.ts';
export type { Change, MoveSource } from './reconcile/change.ts';
export { contentRequests, type WantedContent } from './reconcile/content-requests.ts';
export { diff } from './reconcile/diff.ts';
export { findHalts, type GuardFacts, type GuardHalt, type GuardLimit } from './reconcile/guards.ts';
export { heldEntries } from './reconcile/held.ts';
export type { Conflict, ConflictReason, Plan, PlanProblem, Side, Sides } from './reconcile/plan.ts';
export type { ClockRelation, ConflictNaming, ConflictPolicy, Direction, PathPolicy, Policy } from './reconcile/policy.ts';
export { type ReconcileInput, reconcile } from './reconcile/reconcile.ts';
export { type DoneChange, type NotUndone, type NotUndoneReason, planUndo, type UndoInput, type UndoPlan } from './reconcile/undo.ts';
export { type CompileScopeOptions, compileScope } from './scope/compile-scope.ts';
export { foldName, mergeFolding } from './scope/fold.ts';
export { escapePattern, patternProblem } from './scope/glob.ts';
export { auditGuards, configGuards, logGlobGuards, logGuards } from './scope/guards.ts';
export { logNamesMax, parseLogName } from './scope/log-names.ts';
export { compilePatterns, type PatternSet } from './scope/pattern.ts';
export { parsePeerPattern, parseScopeRules, peerPatternBytesMax, peerPatternsMax, toPeerRules } from './scope/peer-rules.ts';
export { compilePermissionMasks, type PermissionMasks, type PermissionPolicy, type PermissionRules } from './scope/permission-masks.ts';
export { exactNames, type Folding, type ScopeRules } from './scope/rules.ts';
export type { Scope, ScopeDecision } from './scope/scope.ts';
export { countTree, type TreeCount } from './tree/count.ts';
export { parseNodes, setNodes } from './tree/edit.ts';
export {
  type Child,
  type Directory,
  type Entry,
  type File,
  isSyncable,
  type Mode,
  type Problematic,
  type Symlink,
  type Syncable,
  sameNode,
  type Untracked,
  type UntrackedReason,
} from './tree/entry.ts';
export { childNamed, entryAt } from './tree/lookup.ts';
export type { PermissionMask } from './tree/mode.ts';
export { compareNames, type Name, parseName } from './tree/name.ts';
export { type NodeAt, type NodeTable, type NodeTableLimits, nodesToTable, tableToNodes } from './tree/node-table.ts';
export { baseName, isWithin, joinPath, parentPath, parseRelativePath, type RelativePath, rootPath } from './tree/path.ts';
export { printTree } from './tree/print.ts';
export { joinChildren, type Places, walk } from './tree/walk.ts';
export { AssertionError, assert, assertNever } from './util/assert.ts';
export type { Parsed } from './util/parsed.ts';

/**
 * The engine of ubos-sync: pure trees, digests, scope and reconcile, and the runs that carry their decisions out over any two replicas.
 *
 * @packageDocumentation
 */
export type { Entry } from './tree/entry.ts';
export { type SyncErrorCode, type SyncErrorDetails, isSyncError, SyncError, syncErrorCodes, syncErrorFromJSON } from './engine/errors.ts';
export type { Clock } from './engine/clock.ts';
export type { OnEvent, SyncEvent, SyncPhase } from './engine/events.ts';
export type { LogFacts, LogSource, LogStat } from './engine/log-source.ts';
export type { Replica, ReplicaId } from './engine/replica.ts';
export type { HaltReason, HeldEntry, SyncAction, SyncChange, SyncCounts, SyncHalt, SyncNotice, SyncOutcome, SyncProblem, SyncReport } from './engine/report.ts';
export type { Limit, PairSettings, PermissionMask, ScanSettings, SymlinkMode } from './engine/settings.ts';
export { defaultSyncSettings, type SyncSettings } from './engine/sync-settings.ts';
export type { SyncOptions } from './engine/run-sync.ts';
export { digestHex } from './hash/digest.ts';
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
export { compareNames } from './tree/name.ts';
export { isWithin, parseRelativePath, type RelativePath, rootPath } from './tree/path.ts';
export type { Parsed } from './util/parsed.ts';

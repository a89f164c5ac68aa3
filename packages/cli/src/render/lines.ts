/**
 * What a command says, as data: the lines of `--json`. Everything that a command has to tell goes through this one stream; a sink prints it as JSON,
 * another one as text for people, another one keeps it as the log of the run. So nothing is told to one and not to the other.
 *
 * Sides are `local` (this end) and `remote` here, whatever the engine calls them. The schema is published as `schema/output.schema.json`.
 */
import { z } from 'zod';

const side = z.enum(['local', 'remote']);
const count = z.int().min(0);
const bytes = z.int().min(0);
const when = z.iso.datetime();

/** What one side has at a path; `null`: nothing. */
const entry = z
  .strictObject({
    kind: z.enum(['file', 'directory', 'symlink', 'untracked', 'problematic']),
    sizeBytes: bytes.optional(),
    /** Octal. */
    mode: z.string().optional(),
    mtime: when.optional(),
    /** Hexadecimal. */
    digest: z.string().optional(),
    target: z.string().optional(),
  })
  .nullable();

const named = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.strictObject({ type: z.literal(type), run: z.string(), at: when, ...shape });

const start = named('start', {
  command: z.string(),
  version: z.string(),
  /** Names of the two sides, as in the output for people. */
  local: z.string(),
  remote: z.string(),
  dryRun: z.boolean(),
  localRoot: z.string(),
  remoteUrl: z.string(),
  profile: z.string(),
  /** Whether the config lets `--apply` through. */
  live: z.boolean(),
});

const phase = named('phase', { name: z.enum(['connect', 'lock', 'scan', 'reconcile', 'transition', 'commit', 'log', 'verify']) });

const progress = named('progress', { phase: phase.shape.name, doneBytes: bytes, totalBytes: bytes, doneItems: count, totalItems: count });

const change = named('change', {
  path: z.string(),
  direction: z.enum(['to-local', 'to-remote']),
  /** A change of kind is named by what comes to be; `old.kind` says what was there. */
  action: z.enum(['create', 'update', 'delete', 'chmod', 'rename', 'mkdir', 'symlink']),
  /** Of what is there afterwards; of a deletion, of what was. */
  kind: z.enum(['file', 'directory', 'symlink']),
  sizeBytes: bytes,
  /** Where a renamed entry was. */
  from: z.string().optional(),
  status: z.enum(['pending', 'done', 'failed']),
  old: entry,
  new: entry,
});

const conflict = named('conflict', {
  path: z.string(),
  reason: z.enum(['content', 'tie', 'first-sync', 'kinds', 'untracked', 'direction', 'names-collide']),
  local: entry,
  remote: entry,
  rule: z.string(),
  resolution: z.enum(['local', 'remote', 'keep-both', 'skipped']),
  /** Where the loser went with `keep-both`. */
  keptAs: z.string().optional(),
  /** The remote clock minus the local one, and how far that may be off, where times decided. */
  clock: z.strictObject({ offsetMs: z.number(), uncertaintyMs: z.number() }).optional(),
});

const problem = named('problem', {
  path: z.string(),
  side,
  code: z.string(),
  message: z.string(),
  /** Whether the last run had this problem already. */
  repeated: z.boolean(),
});

const halt = named('halt', {
  reason: z.string(),
  message: z.string(),
  /** What takes it for one run, such as `--allow mass-delete`; `null`: nothing does. */
  override: z.string().nullable(),
  /** What takes back what was lost, `--restore-state`; `null`: nothing does. */
  restore: z.string().nullable(),
  side: side.nullable(),
});

const held = named('held', { path: z.string(), why: z.string(), local: entry, remote: entry });

const notice = named('notice', { code: z.string(), message: z.string(), side: side.nullable() });

const log = named('log', {
  name: z.string(),
  outcome: z.enum(['up-to-date', 'appended', 'adopted', 'rotated', 'truncated', 'copy-truncated', 'forked', 'local-changed', 'missing']),
  fromByte: bytes,
  toByte: bytes,
  /** `null`: not counted, as in a dry run. */
  lines: count.nullable(),
  /** Lines that are no JSON, of the `checkedLines` that were looked at; `null`: none was to be. */
  malformed: count.nullable(),
  /** Where the first few of them begin in the log as it is now. */
  malformedAtBytes: z.array(bytes),
  checkedLines: count,
  firstTimestamp: z.string().nullable(),
  lastTimestamp: z.string().nullable(),
  /** Generations that were over, in order: the node's name for each, what came of it, and the name that its copy was given. */
  finished: z.array(z.strictObject({ name: z.string(), keptAs: z.string().nullable(), fromByte: bytes, toByte: bytes })),
  /** Why something may be missing where generations meet. */
  gap: z.enum(['copied', 'unread', 'unknown']).nullable(),
  /** Packed generations on the node, which are not read. */
  unread: z.array(z.string()),
  dryRun: z.boolean(),
  /** What was found, where it is not the normal course. */
  message: z.string().optional(),
});

/** What `logs verify` found of one copy: bytes and chunks (of 1 MiB, the last as long as it is) of both sides, compared by digests. */
const logVerified = named('log-verified', {
  name: z.string(),
  /** Of the copy: that of the log, or of a generation that is over. */
  copy: z.string(),
  finished: z.boolean(),
  /** The generation on the node that it was compared with; `null`: the log as it is now, or nothing. */
  generation: z.string().nullable(),
  /** `behind` and `ahead`: all that both have is equal, and the copy is shorter or longer. `unmatched`: no generation on the node is like it. */
  outcome: z.enum(['equal', 'behind', 'ahead', 'differs', 'missing', 'unmatched']),
  copyBytes: bytes,
  sourceBytes: bytes,
  /** That both have, the last of them perhaps in part. */
  chunks: count,
  /** In order, neighbouring chunks as one. */
  differing: z.array(z.strictObject({ fromByte: bytes, toByte: bytes })),
});

/** What is known here of a log, without asking the node. */
const logStatus = z.strictObject({
  name: z.string(),
  /** Of the current generation, proved to be the node's when it was pulled last; `null`: its state cannot be read. */
  pulledBytes: bytes.nullable(),
  lastTimestamp: z.string().nullable(),
  /** When it was pulled last, whether or not anything was new; `null`: never, or not in what the audit still has. */
  pulledAt: when.nullable(),
  ageMs: z.number().min(0).nullable(),
});

const lastRun = z.strictObject({ run: z.string(), at: when, command: z.string(), outcome: z.string(), exitCode: count }).nullable();

/** What `status` knows from the audit of this end. */
const status = named('status', {
  lastRun,
  lastSuccess: lastRun,
  /** Since the last success; `null`: there was none. */
  ageMs: z.number().min(0).nullable(),
  maxAgeMs: z.number().min(0).nullable(),
  logs: z.array(logStatus),
});

/** Which rule decides whether a path takes part. */
const scope = z.strictObject({
  included: z.boolean(),
  because: z.enum(['include', 'everything', 'not-included', 'exclude', 're-include', 'guard', 'built-in-guard']),
  /** As it is written. */
  pattern: z.string().optional(),
  /** What the pattern matched: the path itself, or a folder above it. */
  matched: z.string().optional(),
  /** Of a guard that nobody wrote as one: what it follows from. */
  from: z.enum(['config-file', 'log', 'audit', 'other-config']).optional(),
  /** Where in the config the pattern stands, or what it follows from. */
  line: z.int().min(1).optional(),
  column: z.int().min(1).optional(),
});

/** What is known here of one path, without asking the node. */
const why = named('why', {
  path: z.string(),
  node: z.string(),
  /** Absolute path of the config. */
  config: z.string(),
  /** What is here now. Its content was not read. */
  here: entry,
  scope,
  /** The same where a side takes names for one that differ in case or Unicode form, if that is another answer. */
  scopeFolded: scope.optional(),
  /** Which of its permission bits are compared and carried; missing: it takes no part. */
  permissions: z
    .strictObject({
      mask: z.enum(['all', 'executable', 'none']),
      /** Of the policy that says so; missing: `truth.permissions` does. */
      pattern: z.string().optional(),
      line: z.int().min(1).optional(),
      column: z.int().min(1).optional(),
    })
    .optional(),
  agreed: z.array(
    z.strictObject({
      /** HOST:PATH, or the id of a replica that only came to this one. */
      peer: z.string(),
      generation: count,
      local: entry,
      remote: entry,
      /** What the two accept as different; `null`: nothing. */
      held: z.string().nullable(),
    }),
  ),
  lastRun,
  /** What the last run left open at this path or above it. */
  found: z.array(z.discriminatedUnion('type', [conflict, problem])),
  /** What the audit has of this path, the latest first. */
  history: z.array(z.discriminatedUnion('type', [change, conflict])),
});

const config = named('config', { path: z.string() });

const error = named('error', { code: z.string(), message: z.string(), details: z.record(z.string(), z.unknown()) });

const summary = named('summary', {
  outcome: z.enum(['in-sync', 'applied', 'pending', 'partial', 'halted', 'failed', 'skipped-locked', 'skipped-gated', 'peer-away']),
  changes: count,
  conflicts: count,
  problems: count,
  deletions: count,
  bytesSent: bytes,
  bytesReceived: bytes,
  roundTrips: count,
  durationMs: z.number().min(0),
  /** What a dry run sealed its plan as, or the plan that was applied: the first 16 digits of its hash, which names it. */
  planId: z.string().optional(),
  /** SHA-256 of the plan's canonical form, hexadecimal. */
  planHash: z.string().optional(),
  /** Changes that are not in the plan that was applied, and were left for the next run. Missing: none. */
  left: count.optional(),
  exitCode: z.int().min(0).max(3),
});

export const outputLineSchema = z.discriminatedUnion('type', [
  start,
  phase,
  progress,
  change,
  conflict,
  problem,
  halt,
  held,
  notice,
  log,
  logVerified,
  status,
  why,
  config,
  error,
  summary,
]);

export type OutputLine = z.output<typeof outputLineSchema>;
export type OutputLineOf<Type extends OutputLine['type']> = Extract<OutputLine, { readonly type: Type }>;
export type EntryFacts = z.output<typeof entry>;

/** A line without its run and time, which the stream adds. */
export type OutputBody = { [Type in OutputLine['type']]: Omit<OutputLineOf<Type>, 'run' | 'at'> }[OutputLine['type']];

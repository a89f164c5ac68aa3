/**
 * An operation failed: a disk, a wire, a peer or a config. The code is the contract, the message is prose for people
 * ("unable to stage notes/a.md on balaur: no space left"). docs/errors.md has a heading for each code: when, what is safe, what to do.
 */
export class SyncError extends Error {
  override readonly name = 'SyncError';
  readonly code: SyncErrorCode;
  readonly details: SyncErrorDetails;

  constructor(code: SyncErrorCode, message: string, details: SyncErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  toJSON(): { readonly code: SyncErrorCode; readonly message: string; readonly details: SyncErrorDetails } {
    return { code: this.code, message: this.message, details: this.details };
  }
}

/** Plain facts about a failure, fit for JSON: `path`, `side`, `errno`, `expected`, `hint` (what to do), ... */
export type SyncErrorDetails = Readonly<Record<string, string | number | boolean | null | undefined | readonly string[]>>;

/** Stable; adding one adds a heading to docs/errors.md (a test compares). */
export type SyncErrorCode = (typeof syncErrorCodes)[number];

export const syncErrorCodes = [
  'SYNC_USAGE',
  'SYNC_CONFIG_INVALID',
  'SYNC_CONFIG_MISSING',
  'SYNC_CONFIG_UNTRUSTED',
  'SYNC_NOT_LIVE',
  'SYNC_HOST_KEY_UNKNOWN',
  'SYNC_HOST_KEY_CHANGED',
  'SYNC_HOST_KEY_REVOKED',
  'SYNC_KNOWN_HOSTS_UNREADABLE',
  'SYNC_AUTH_FAILED',
  'SYNC_KEY_UNUSABLE',
  'SYNC_SSH_CONFIG_UNSUPPORTED',
  'SYNC_UNREACHABLE',
  'SYNC_PEER_LOST',
  'SYNC_PEER_TIMEOUT',
  'SYNC_PROTOCOL',
  'SYNC_PROTOCOL_VERSION',
  'SYNC_REMOTE_NODE_MISSING',
  'SYNC_REMOTE_SHELL',
  'SYNC_REMOTE_NOT_WRITABLE',
  'SYNC_AGENT_DAMAGED',
  'SYNC_ROOT_MISSING',
  'SYNC_ROOT_KIND',
  'SYNC_ROOT_EMPTIED',
  'SYNC_PATH_EMPTIED',
  'SYNC_MARKER_MISSING',
  'SYNC_REPLICA_CHANGED',
  'SYNC_PEER_IS_SELF',
  'SYNC_ROOTS_OVERLAP',
  'SYNC_ARCHIVE_LOST',
  'SYNC_STATE_RESTORED',
  'SYNC_LOCK_TAKEN_OVER',
  'SYNC_ARCHIVE_NEWER',
  'SYNC_ARCHIVE_DAMAGED',
  'SYNC_SETTINGS_DIFFER',
  'SYNC_MASS_DELETE',
  'SYNC_MASS_CHANGE',
  'SYNC_GATE_CLOSED',
  'SYNC_LOCKED',
  'SYNC_NO_SPACE',
  'SYNC_READ_ONLY',
  'SYNC_DENIED',
  'SYNC_OUT_OF_SCOPE',
  'SYNC_IO',
  'SYNC_NAME_NOT_UTF8',
  'SYNC_NAME_REFUSED',
  'SYNC_TARGET_CHANGED',
  'SYNC_TARGET_OCCUPIED',
  'SYNC_SOURCE_CHANGED',
  'SYNC_CONTENT_MISMATCH',
  'SYNC_DIRECTORY_KEPT',
  'SYNC_STATE_UNSAFE',
  'SYNC_LOG_MISSING',
  'SYNC_LOG_NOT_A_FILE',
  'SYNC_LOG_LOCKED',
  'SYNC_LOG_FORKED',
  'SYNC_PLAN_DRIFTED',
  'SYNC_PLAN_UNKNOWN',
  'SYNC_PLAN_DAMAGED',
  'SYNC_RUN_UNKNOWN',
  'SYNC_NOT_UNDONE',
  'SYNC_INTERRUPTED',
  'SYNC_INTERNAL',
] as const;

export function isSyncError(error: unknown): error is SyncError {
  return error instanceof SyncError;
}

/** Rebuilds an error that crossed a wire or a process; an unknown code becomes `SYNC_PROTOCOL`, so that codes stay ours. */
export function syncErrorFromJSON(value: {
  readonly code: string;
  readonly message: string;
  readonly details?: SyncErrorDetails | undefined;
}): SyncError {
  const known = (syncErrorCodes as readonly string[]).includes(value.code);
  return new SyncError(known ? (value.code as SyncErrorCode) : 'SYNC_PROTOCOL', value.message, value.details ?? {});
}

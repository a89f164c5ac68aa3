/** Flags as commander hands them over. */

/** Understood by every command. */
export interface CommonFlags {
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  /** `--no-color` makes it false. */
  readonly color: boolean;
  readonly yes?: boolean | undefined;
}

/** Of the commands that are about a node. */
export interface NodeFlags extends CommonFlags {
  readonly node?: readonly string[] | undefined;
  readonly all?: boolean | undefined;
}

/** Of the commands that talk to it. */
export interface PeerFlags extends NodeFlags {
  /** `-F FILE` */
  readonly sshConfig?: string | undefined;
  readonly acceptNewHostKey?: boolean | undefined;
}

/** Of the commands that can change the tree. */
export interface EngineFlags extends PeerFlags {
  readonly apply?: boolean | undefined;
  readonly rehash?: boolean | undefined;
  /** Milliseconds. */
  readonly lockWait?: number | undefined;
}

/** Of the commands that sync the tree. */
export interface SyncFlags extends EngineFlags {
  readonly allow?: readonly string[] | undefined;
  readonly first?: 'newer' | 'local' | 'remote' | 'keep-both' | undefined;
  readonly rejoin?: boolean | undefined;
  readonly restoreState?: boolean | undefined;
  readonly exitCode?: boolean | undefined;
}

export interface TruthFlags extends SyncFlags {
  /** Id of a sealed plan, or the beginning of its hash. */
  readonly plan?: string | undefined;
}

export interface LogsFlags extends PeerFlags {
  readonly dryRun?: boolean | undefined;
  readonly follow?: boolean | undefined;
  readonly print?: boolean | undefined;
  readonly sinceCursor?: boolean | undefined;
  readonly verify?: 'tail' | 'full' | 'off' | undefined;
}

export interface FullFlags extends SyncFlags {
  readonly dryRun?: boolean | undefined;
  readonly dryRunLogs?: boolean | undefined;
  readonly verify?: 'tail' | 'full' | 'off' | undefined;
}

export interface StatusFlags extends PeerFlags {
  readonly exitCode?: boolean | undefined;
  /** Milliseconds. */
  readonly maxAge?: number | undefined;
}

export interface InitFlags extends CommonFlags {
  readonly remote?: string | undefined;
  readonly profile?: string | undefined;
  readonly node?: readonly string[] | undefined;
}

export interface AgentFlags extends CommonFlags {
  readonly root: string;
  readonly readOnly?: boolean | undefined;
  readonly logs?: readonly string[] | undefined;
}

import type { RelativePath } from '../tree/path.ts';

/** Compiled rules: what a scan asks for each name it meets. Immutable; the answers depend on the path and kind alone. */
export interface Scope {
  /** Whether the entry at this path takes part. `false` for a directory also means that nothing below it is reached, unless {@link enters}. */
  includes(path: RelativePath, kind: 'directory' | 'other'): boolean;
  /** Whether something at or below this directory can be in scope: true for what is included, and for a folder on the way to it that is itself out of scope. */
  enters(path: RelativePath): boolean;
  /** Which rule decided, for `why PATH`. */
  explain(path: RelativePath, kind: 'directory' | 'other'): ScopeDecision;
  /** Canonical text of the rules (built-in guards included): equal texts decide alike. */
  readonly canonical: string;
}

export interface ScopeDecision {
  readonly included: boolean;
  readonly because: 'include' | 'everything' | 'not-included' | 'exclude' | 're-include' | 'guard' | 'built-in-guard';
  /** The pattern that decided, as it was written. */
  readonly pattern?: string | undefined;
  /** Its index in its list of `ScopeRules`. */
  readonly index?: number | undefined;
  /** What the pattern matched: the path itself, or the folder above it that was decided so, and with it all below. */
  readonly at?: RelativePath | undefined;
}

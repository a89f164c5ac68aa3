/**
 * Which paths take part, as data: what a config says, what crosses the wire, what the archive keeps. Compiled once by `compileScope`.
 *
 * In scope = at or below an `include` (everything, if there is none), and not excluded (last match wins), and not guarded.
 */
export interface ScopeRules {
  /** Root-relative paths or patterns; empty: everything. */
  readonly include: readonly string[];
  /** gitignore-like; `!pattern` re-includes. */
  readonly exclude: readonly string[];
  /** Beats everything, cannot be re-included. The built-in guards are added by `compileScope`. */
  readonly guard: readonly string[];
}

/** What a file system does to names, probed on each root. */
export interface Folding {
  readonly ignoresCase: boolean;
  readonly ignoresUnicodeForm: boolean;
}

export const exactNames: Folding = { ignoresCase: false, ignoresUnicodeForm: false };

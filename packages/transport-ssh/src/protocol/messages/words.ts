/** What several messages are made of. */
import {
  type Folding,
  type Limit,
  type PairKey,
  type PairSettings,
  type PermissionMask,
  type PermissionPolicy,
  parsePeerPattern,
  parseRelativePath,
  parseScopeRules,
  peerPatternsMax,
  type RelativePath,
  type ReplicaId,
  type ScanSettings,
  type ScopeRules,
} from '@ubos/sync-core';
import { listRowsMax } from '../limits.ts';
import { flag, listOf, literal, Malformed, natural, optional, record, type Shape, share, text, textLike } from '../shape.ts';

/** Of a stream. */
export const wireNumber: Shape<number> = natural(0xffff_ffff);
/** A name that may become part of a file name: of a replica, a run, a profile. */
export const token = <T extends string = string>(): Shape<T> => textLike<T>(/^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$/, 'a short name');
export const replicaId: Shape<ReplicaId> = token<ReplicaId>();
/** Profiles are named by people. */
export const profileName: Shape<string> = textLike(/^(?!\.)[^\p{Cc}\p{Surrogate}/\\]{1,128}$/u, 'a name of a profile');
export const hexDigest: Shape<string> = textLike(/^[0-9a-f]{0,128}$/, 'a digest');
/** A path on the machine of the peer, for a root or a log: what may be opened is for the server to say. */
export const machinePath: Shape<string> = textLike(/^[^\0]{1,4096}$/, 'a path');
/** The name of one file in a folder. */
export const fileName: Shape<string> = textLike(/^(?!\.{1,2}$)[^\0/]{1,255}$/, 'a file name');
export const failureCode: Shape<string> = textLike(/^[A-Z][A-Z0-9_]{0,63}$/, 'a code');
/** How many rows of a list follow. */
export const count: Shape<number> = natural(listRowsMax);
export const durability: Shape<'full' | 'fast'> = literal('full', 'fast');

export const pair: Shape<PairKey> = record<PairKey>({ alpha: replicaId, beta: replicaId, profile: profileName });

const scopeRules: Shape<ScopeRules> = (value, at) => {
  const parsed = parseScopeRules(value);
  if (!parsed.ok) throw new Malformed(`${at}: ${parsed.error}`);
  return parsed.value;
};

export const peerPattern: Shape<string> = (value, at) => {
  const parsed = parsePeerPattern(value);
  if (!parsed.ok) throw new Malformed(`${at}: ${parsed.error}`);
  return parsed.value;
};

/** A path in the tree of the peer. */
export const treePath: Shape<RelativePath> = (value, at) => {
  const parsed = parseRelativePath(text(65_536)(value, at));
  if (!parsed.ok) throw new Malformed(`${at}: ${parsed.error}`);
  return parsed.value;
};

export const folding: Shape<Folding> = record<Folding>({ ignoresCase: flag, ignoresUnicodeForm: flag });

const permissions: Shape<PermissionMask> = literal('all', 'executable', 'none');
const scanFields = {
  scope: scopeRules,
  digest: literal('fast', 'strong'),
  permissions,
  symlinks: literal('portable', 'raw', 'ignore'),
} as const;
export const scanSettings: Shape<ScanSettings> = record<ScanSettings>({
  ...scanFields,
  policies: listOf(record<PermissionPolicy>({ match: peerPattern, permissions }), peerPatternsMax),
});

const limit: Shape<Limit> = (value, at) =>
  typeof value === 'object' && value !== null && 'share' in value
    ? record<{ readonly share: number }>({ share })(value, at)
    : record<{ readonly count: number }>({ count: natural() })(value, at);
const conflicts: Shape<PairSettings['conflicts']> = replicaId;
const direction: Shape<PairSettings['direction']> = (value, at) =>
  value === 'both' ? 'both' : record<{ readonly from: ReplicaId }>({ from: replicaId })(value, at);
export const pairSettings: Shape<PairSettings> = record<PairSettings>({
  ...scanFields,
  conflicts,
  onTie: literal('skip', 'keep-both'),
  direction,
  maxDelete: limit,
  maxChange: limit,
  policies: listOf(
    record<PairSettings['policies'][number]>({
      match: peerPattern,
      permissions: optional(permissions),
      conflicts: optional(conflicts),
      direction: optional(direction),
    }),
    1_000,
  ),
});
export const settingsBy: Shape<SettingsBy> = record<SettingsBy>({ value: pairSettings, by: replicaId });

/** New settings of a pair, and which end set them. */
export interface SettingsBy {
  readonly value: PairSettings;
  readonly by: ReplicaId;
}

/** Which pattern, in which line of the config, decides whether a path takes part, and which of its permission bits count. */
import { compilePermissionMasks, compileScope, type Folding, type RelativePath, type ScopeRules } from '@ubos/sync-core';
import type { RootRecord } from '@ubos/sync-core/fs';
import type { PlaceOf } from './config/parse.ts';
import type { KeyPath } from './config/positions.ts';
import { followingGuardsForNode, type Node, type Profile } from './config/resolve.ts';
import type { Config } from './config/schema.ts';
import type { OutputLineOf } from './render/lines.ts';

export interface ScopeSources {
  readonly config: Config;
  readonly placeOf: PlaceOf;
  readonly profile: Profile;
  readonly node: Node;
  readonly record: Pick<RootRecord, 'guards' | 'folding'>;
}

type ScopeFacts = OutputLineOf<'why'>['scope'];

/** As the next run started here would decide, but for the guards that follow from configs of the other end: those are known only there. */
export function explainScope(
  path: RelativePath,
  kind: 'directory' | 'other',
  { config: { truth }, placeOf, profile, node, record }: ScopeSources,
): { readonly scope: ScopeFacts; readonly scopeFolded?: ScopeFacts } {
  const guards: readonly Guard[] = [
    ...truth.guard.map((pattern, index) => ({ pattern, key: ['truth', 'guard', index] })),
    ...followingGuardsForNode(profile, node),
    ...record.guards.map((pattern) => ({ pattern, from: 'other-config' as const })),
  ];
  // As they are written, braces included: so an index is the place in the config. They decide as the written-out ones do that a run is made with.
  const rules: ScopeRules = { include: truth.include ?? [], exclude: truth.exclude, guard: guards.map(({ pattern }) => pattern) };

  const factsUnder = (folding: Folding): ScopeFacts => {
    const { included, because, pattern, index, at } = compileScope(rules, { folding }).explain(path, kind);
    const { key, from } = sourceOf(because, index, guards);
    const place = key && placeOf(key);
    return {
      included,
      because,
      ...(pattern === undefined ? {} : { pattern }),
      ...(at === undefined ? {} : { matched: at }),
      ...(from === undefined ? {} : { from }),
      ...place,
    };
  };
  const scope = factsUnder(record.folding);
  const folded = factsUnder({ ignoresCase: true, ignoresUnicodeForm: true });
  return folded.included === scope.included ? { scope } : { scope, scopeFolded: folded };
}

/** As the next run started here would mask it. */
export function explainPermissions(
  path: RelativePath,
  kind: 'directory' | 'other',
  { config: { truth }, placeOf, record }: Pick<ScopeSources, 'config' | 'placeOf' | 'record'>,
): NonNullable<OutputLineOf<'why'>['permissions']> {
  const masks = compilePermissionMasks(truth, record.folding);
  const index = masks.policyAt(path, kind);
  const pattern = index === undefined ? undefined : truth.policies[index]?.match;
  const place = placeOf(index === undefined ? ['truth', 'permissions'] : ['truth', 'policies', index, 'permissions']);
  return { mask: masks.at(path, kind), ...(pattern === undefined ? {} : { pattern }), ...place };
}

interface Guard {
  readonly pattern: string;
  readonly key?: KeyPath | undefined;
  readonly from?: ScopeFacts['from'];
}

function sourceOf(because: ScopeFacts['because'], index: number | undefined, guards: readonly Guard[]): Omit<Guard, 'pattern'> {
  switch (because) {
    case 'guard':
      return index === undefined ? {} : (guards[index] ?? {});
    case 'include':
      return { key: ['truth', 'include', ...(index === undefined ? [] : [index])] };
    case 'exclude':
    case 're-include':
      return { key: ['truth', 'exclude', ...(index === undefined ? [] : [index])] };
    case 'not-included':
      return { key: ['truth', 'include'] };
    case 'everything':
    case 'built-in-guard':
      return {};
  }
}

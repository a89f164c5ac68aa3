import { entryAt, isUnsettled, isWithin, type RelativePath, sameNode } from '@ubos/sync-core';
import { type PairRecord, readRootRecord } from '@ubos/sync-core/fs';
import { findAuditFolder } from '../audit/folder.ts';
import { historyOf, lastRunLines, readHistory } from '../audit/history.ts';
import { findConfig } from '../config/find.ts';
import { loadPlacedConfig } from '../config/load.ts';
import { choosePeers, type Node, resolveConfig } from '../config/resolve.ts';
import type { ExitCode } from '../exit-code.ts';
import { explainPermissions, explainScope } from '../explain-scope.ts';
import type { NodeFlags } from '../flags.ts';
import { lookInRoot } from '../folders.ts';
import type { Io } from '../io.ts';
import type { OutputLineOf } from '../render/lines.ts';
import { entryFacts, heldReason } from '../render/report-lines.ts';
import { startOutput } from '../start-output.ts';
import { pathsInRoot } from '../sync.ts';

/** Lines of the audit that are told. */
const historyMax = 5;

/**
 * Why a path takes part or does not, what is agreed about it, and what became of it. From what is known at this end alone: no node is asked, nothing is
 * scanned or locked, and nothing is written. What a run would do now is the answer of `truth PATH`.
 */
export async function why(io: Io, flags: NodeFlags, text: string): Promise<ExitCode> {
  const configFile = findConfig({ cwd: io.cwd, option: flags.config, env: io.env });
  const { config, placeOf } = loadPlacedConfig(configFile);
  const profile = resolveConfig(config, configFile);
  const nodes = choosePeers(profile, { names: flags.node, all: flags.all });
  const [path] = pathsInRoot(profile.root, io.cwd, [text]) ?? [];
  if (path === undefined) throw new TypeError('one path is given');

  const record = await readRootRecord(profile.root, { profile: profile.name });
  const here = lookInRoot(profile.root, path);
  const auditFolder = findAuditFolder(profile.root, profile.audit);
  for (const node of nodes) {
    const pairs = pairsWith(node, record.pairs);
    const isDirectory = here?.kind === 'directory' || (here === null && pairs.some((pair) => isDirectoryAt(pair, path))) || text.endsWith('/');
    const { lastRun } = readHistory(auditFolder, node.name, profile.name);
    const { output, finish } = await startOutput(io, flags, {});
    const kind = isDirectory ? 'directory' : 'other';
    const explained = explainScope(path, kind, { config, placeOf, profile, node, record });
    output.emit({
      type: 'why',
      path,
      node: node.name,
      config: configFile,
      here,
      ...explained,
      ...(explained.scope.included ? { permissions: explainPermissions(path, kind, { config, placeOf, record }) } : {}),
      agreed: pairs.map((pair) => agreedAt(pair, path)),
      lastRun,
      found: lastRunLines(auditFolder, lastRun).filter((line) => isWithin(path, line.path as RelativePath)),
      history: historyOf(auditFolder, path, historyMax),
    });
    finish('applied');
  }
  return 0;
}

/** Those whose address can be the node's. Without an address that says so, all of them: a host may be called otherwise there than here. */
function pairsWith({ address }: Node, pairs: readonly PairRecord[]): readonly PairRecord[] {
  const matching = pairs.filter((pair) => pair.address?.endsWith(`:${address.path}`));
  return matching.length > 0 ? matching : pairs;
}

function isDirectoryAt({ ancestor }: PairRecord, path: RelativePath): boolean {
  return entryAt(ancestor.alpha, path)?.kind === 'directory' || entryAt(ancestor.beta, path)?.kind === 'directory';
}

function agreedAt({ peer, address, generation, ancestor }: PairRecord, path: RelativePath): OutputLineOf<'why'>['agreed'][number] {
  const [local, remote] = [entryAt(ancestor.alpha, path), entryAt(ancestor.beta, path)];
  const isOpen = isUnsettled(local) || isUnsettled(remote);
  return {
    peer: address ?? peer,
    generation,
    local: isUnsettled(local) ? null : entryFacts(local),
    remote: isUnsettled(remote) ? null : entryFacts(remote),
    held: isOpen ? 'different since the first sync, and never agreed' : sameNode(local, remote) ? null : heldReason(local, remote),
  };
}

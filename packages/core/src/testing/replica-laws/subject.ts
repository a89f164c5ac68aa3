/** What a law of a replica is said about, and the words that the laws share. */
import { pairKey } from '../../engine/archive-store.ts';
import type {
  ContentNeed,
  ContentPart,
  Replica,
  ReplicaId,
  ScanOptions,
  Transition,
  TransitionOptions,
  TransitionResult,
} from '../../engine/replica.ts';
import { defaultSyncSettings, toPairSettings } from '../../engine/sync-settings.ts';
import type { Digest } from '../../hash/digest.ts';
import { type Entry, type File, nodeOf } from '../../tree/entry.ts';
import { entryAt } from '../../tree/lookup.ts';
import type { RelativePath } from '../../tree/path.ts';

/** A replica with an empty root, and a user's way to its files that does not lead through it. */
export interface ReplicaUnderTest {
  readonly replica: Replica;
  /** Writes a file, making its parents. Each call has a later mtime than the one before. */
  write(path: string, text: string, mode?: number): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** `undefined`: no file there. */
  read(path: string): Promise<string | undefined>;
  /** A second replica object for the same root, as another process would have it. */
  reopen(): Promise<Replica>;
  close(): Promise<void>;
}

/** Says that something holds of every replica. */
export type Law = (title: string, body: (subject: Subject) => Promise<void>) => void;

const peerId = 'ffffffff-ffff-4fff-bfff-ffffffffffff' as ReplicaId;

export interface Subject {
  readonly under: ReplicaUnderTest;
  readonly replica: Replica;
  scan(settings?: Partial<ScanOptions['settings']>): ReturnType<Replica['scan']>;
  lock(): Promise<() => Promise<void>>;
  pair(): Promise<ReturnType<typeof pairKey>>;
  settings(): Promise<{ readonly value: ReturnType<typeof toPairSettings>; readonly by: ReplicaId }>;
  commit(
    generation: number,
    changes: readonly { readonly path: RelativePath; readonly alpha: Entry | undefined; readonly beta: Entry | undefined }[],
  ): Promise<void>;
  /** Stages the texts named, then makes the changes. */
  transition(
    changes: readonly Transition[],
    texts?: Readonly<Record<string, string>>,
    options?: Partial<TransitionOptions>,
  ): Promise<readonly TransitionResult[]>;
  /** What this replica calls a content: learnt from a scan, since each kind of replica may hash in its own way. */
  digestOf(text: string): Promise<{ readonly digest: Digest; readonly sizeBytes: number }>;
}

export function createSubject(under: ReplicaUnderTest): Subject {
  const { replica } = under;
  const scan: Subject['scan'] = (settings = {}) => replica.scan({ settings: { ...defaultSyncSettings, ...settings } });
  const pair = async (): Promise<ReturnType<typeof pairKey>> => pairKey(await replica.establish(), peerId, 'default');
  const settings: Subject['settings'] = async () => {
    const id = await replica.establish();
    return { value: toPairSettings(defaultSyncSettings, { alpha: id, beta: peerId }), by: id };
  };
  return {
    under,
    replica,
    scan,
    async lock() {
      const lock = await replica.lock({ waitMs: 0, initiator: 'test', run: 'one', dryRun: false });
      return () => lock.release();
    },
    pair,
    settings,
    async commit(generation, changes) {
      const archive = replica.archive(await pair());
      await archive.prepare({ generation, changes, settings: generation === 1 ? await settings() : undefined, durability: 'full' });
      await archive.commit(generation);
    },
    async transition(changes, texts = {}, options = {}) {
      const key = await pair();
      const contents = new Map(Object.entries(texts));
      const wanted = changes.flatMap(({ path: at, new: next }) => (next?.kind === 'file' && contents.has(at) ? [need(at, next)] : []));
      if (wanted.length > 0) await replica.stage(wanted, { run: 'run', supply: (needs) => supplyTexts(needs, contents) });
      return replica.transition(changes, { run: 'run', pair: key, durability: 'full', ...options });
    },
    async digestOf(text) {
      await under.write('.digest-of', text);
      const { root } = await scan();
      await under.remove('.digest-of');
      const { digest, sizeBytes } = fileAt(root, '.digest-of');
      await scan();
      return { digest, sizeBytes };
    },
  };
}

export async function* supplyTexts(needs: readonly ContentNeed[], texts: ReadonlyMap<string, string>): AsyncIterable<readonly ContentPart[]> {
  for (const [index, { path: at, fromByte }] of needs.entries()) {
    await Promise.resolve();
    yield [{ need: index, bytes: new TextEncoder().encode(texts.get(at) ?? '').subarray(fromByte), end: 'ok' }];
  }
}

export async function collect(parts: AsyncIterable<readonly ContentPart[]>): Promise<readonly ContentPart[]> {
  const all: ContentPart[] = [];
  for await (const some of parts) all.push(...some.map((part) => ({ ...part, bytes: part.bytes.slice() })));
  return all;
}

export function textOf(parts: readonly ContentPart[]): string {
  return parts.map(({ bytes }) => new TextDecoder().decode(bytes)).join('');
}

export function change(at: string, old: Entry | undefined, next: Entry | undefined): Transition {
  return { path: path(at), old, new: next, peer: next };
}

/** The first half of a move. */
export function moved(root: Entry | undefined, from: string, to: string): Transition {
  const entry = entryAt(root, path(from));
  if (entry?.kind !== 'file' && entry?.kind !== 'directory') throw new Error(`${from} is ${entry?.kind ?? 'absent'}`);
  const node = entry.kind === 'file' ? entry : { kind: entry.kind, mode: entry.mode, children: [] };
  return { ...change(to, undefined, node), from: { path: path(from), entry: node, was: node } };
}

/** All that it takes to move a folder: `below` are its entries in walk order, itself first. */
export function folderMove(root: Entry | undefined, from: string, to: string, below: readonly string[]): readonly Transition[] {
  const creations = below.map((rest) => moved(root, `${from}${rest}`, `${to}${rest}`));
  return [...creations, ...creations.map((made) => ({ ...change(made.from?.path ?? '', made.new, undefined), to: made.path })).reverse()];
}

export function need(at: string, { digest, sizeBytes }: { readonly digest: Digest; readonly sizeBytes: number }): ContentNeed {
  return { path: path(at), digest, sizeBytes, fromByte: 0 };
}

export function content({ digest, sizeBytes }: File): Pick<File, 'digest' | 'sizeBytes'> {
  return { digest, sizeBytes };
}

export function fileAt(root: Entry | undefined, at: string): File {
  const entry = entryAt(root, path(at));
  if (entry?.kind !== 'file') throw new Error(`${at} is ${entry?.kind ?? 'absent'}, not a file`);
  return entry;
}

/** The node by itself. */
export function nodeAt(root: Entry | undefined, at: string): Entry | undefined {
  const entry = entryAt(root, path(at));
  return entry && nodeOf(entry);
}

export function namesOf(entry: Entry | undefined): readonly string[] {
  return entry?.kind === 'directory' ? entry.children.map(({ name }) => name) : [];
}

export function merkleOf(entry: Entry | undefined): Digest | undefined {
  return entry?.kind === 'directory' ? entry.merkle : undefined;
}

export function path(text: string): RelativePath {
  return text as RelativePath;
}

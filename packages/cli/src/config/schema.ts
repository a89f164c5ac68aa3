/**
 * The shape of `ubos-sync.yaml`: one source for the validation, the TypeScript type, the JSON Schema for editors and the keys that error messages suggest.
 *
 * Texts stay texts here (`5m` is checked, not converted), so that the JSON Schema says exactly what is accepted; `resolve.ts` turns them into values.
 * The description of each key is what an editor shows; its `error` is what was expected there, completing the sentence "expected ...".
 */
import { z } from 'zod';
import { durationPattern, sharePattern, sizePattern } from './units.ts';

const text = (expected: string): z.ZodString => z.string(expecting(expected)).min(1, expecting(expected)).max(4096, expecting(expected));
const matching = (pattern: RegExp, expected: string): z.ZodString => z.string(expecting(expected)).regex(pattern, expecting(expected));
const flag = (): z.ZodBoolean => z.boolean(expecting('`true` or `false`'));
const duration = (): z.ZodString => matching(durationPattern, 'a duration such as `90s`, `5m` or `1h`');
const size = (): z.ZodString => matching(sizePattern, 'a size such as `64KiB` or `1MB`');
const nodeName = (expected: string): z.ZodString => matching(/^(?!local$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, expected);
const oneOf = <const Words extends readonly [string, ...string[]]>(...words: Words): z.ZodEnum<{ [Word in Words[number]]: Word }> =>
  z.enum(words, expecting(listOr(words)));
/** Of a key whose other value is not there yet: to take it and do something else would be worse than to refuse it. */
const map = <Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> => z.strictObject(shape, expecting('a map of keys'));
const list = <Item extends z.ZodType>(item: Item, expected: string): z.ZodArray<Item> =>
  z.array(item, expecting(expected)).max(10_000, expecting(expected));
const patterns = (): z.ZodArray<z.ZodString> => list(text('a pattern'), 'a list of patterns');

const nodeNameRule = 'letters, digits, `.`, `_` and `-`, and not `local`';
const share = 'a share such as `25%` or a number of files';
const limit = () => z.union([matching(sharePattern, share), z.int(expecting(share)).min(0, expecting(share))], expecting(share));
const conflicts = () => oneOf('newer', 'local', 'remote', 'keep-both', 'skip');
const direction = () => oneOf('both', 'push', 'pull');
const permissions = () => oneOf('all', 'executable', 'none');

const node = map({
  url: text('`ssh://HOST/PATH` or a path').describe(
    'Where the node is: ssh://[USER@]HOST[:PORT]/ABSOLUTE/PATH, ssh://HOST/~/RELATIVE, or a plain path',
  ),
  cluster: text('a name').optional().describe('The group of nodes that it belongs to'),
  node: text('a path').optional().describe('Path of the Node.js program there, where it is not found by itself'),
  transport: oneOf('auto', 'ssh2', 'openssh').default('auto').describe('Which SSH client connects'),
  intermittent: flag().default(false).describe('A machine that sleeps: not to reach it is `peer-away`, not a failure'),
});

const truth = map({
  include: list(text('a path below the root'), 'a list of paths below the root')
    .optional()
    .describe('Root-relative paths that take part; `**/docs` for any depth; omitted: everything'),
  exclude: patterns().default([]).describe('gitignore-like patterns that take no part; `!pattern` re-includes'),
  guard: patterns().default([]).describe('Patterns that are never read, sent, replaced or deleted, added to the built-in guards'),
  conflicts: conflicts().default('newer').describe('Who wins where both sides changed a file'),
  onTie: oneOf('skip', 'keep-both').default('skip').describe('What `newer` does where the clocks cannot tell'),
  permissions: permissions().default('all').describe('Which permission bits are compared and carried'),
  symlinks: oneOf('portable', 'raw', 'ignore')
    .default('portable')
    .describe('portable: relative links that stay inside the root; raw: every link; ignore: none'),
  direction: direction().default('both').describe('Both ways, or one way only'),
  maxDelete: limit().default('25%').describe('Halt if more files would be deleted: a share (and at least 20 files), or a number of files'),
  maxChange: limit().default('50%').describe('Halt if more files would be replaced: a share (and at least 100 files), or a number of files'),
  policies: list(
    map({
      match: text('a pattern').describe('gitignore-like pattern'),
      conflicts: conflicts().optional().describe('As `truth.conflicts`, for the paths that match'),
      permissions: permissions().optional().describe('As `truth.permissions`, for the paths that match'),
      direction: direction().optional().describe('As `truth.direction`, for the paths that match'),
    }),
    'a list of policies',
  )
    .default([])
    .describe('Exceptions by path; the last that matches wins, key by key'),
});

const log = map({
  from: text('a path on the peer').describe(
    'The log on the peer: relative to its root, or absolute; with a * in its last part every log that matches',
  ),
  to: text('a path inside the root').describe(
    'The copy here: relative to the root; {node} is the name of the node, {name} that of each log that matches',
  ),
  lines: flag().optional().describe('Only whole lines become visible; default: true for .jsonl and .log'),
  verify: oneOf('tail', 'full', 'off').default('tail').describe('How much of what was pulled is proved again before more is appended'),
  onRotate: oneOf('new-file', 'concatenate').default('new-file').describe('What happens to the copy of a generation that ended'),
  onFork: oneOf('halt', 'keep-and-restart').default('halt').describe('What happens where the source is no continuation of the copy'),
});

const version = 'the number 1: the only version of this format';

export const configSchema = map({
  version: z.literal(1, expecting(version)).describe('Version of this format'),
  self: nodeName(`a node name: ${nodeNameRule}`)
    .optional()
    .describe("This node's name, where others have to name it, and in the names of kept losers; default there: the host name"),
  name: matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a name: letters, digits, `.`, `_` and `-`')
    .default('default')
    .describe('The profile; there is one archive per pair of replicas and name'),
  root: text('a path').default('.').describe("This node's tree, relative to the folder of this file"),
  nodes: z.record(nodeName(nodeNameRule), node, expecting('a map of nodes by name')).default({}).describe('The other machines, by name'),
  peer: text('the name of a node').optional().describe('The node that truth, logs, full and status talk to; optional with one node'),
  live: flag().default(false).describe('The first of two keys: `--apply` is refused until this is true'),
  truth: truth.prefault({}).describe('What is kept the same on both sides'),
  logs: list(log, 'a list of logs').default([]).describe('The logs that are pulled from the peer'),
  clock: map({ tolerance: duration().default('2s').describe('How far the clocks of two nodes may be apart') })
    .prefault({})
    .describe('Clocks'),
  watch: map({ interval: duration().default('5m').describe('How often everything is looked at, changes or not') })
    .prefault({})
    .describe('Continuous sync'),
  versions: map({
    keep: duration().default('30d').describe('How long replaced and deleted content is kept'),
    runs: z
      .int(expecting('a number of runs, at least 1'))
      .min(1, expecting('a number of runs, at least 1'))
      .default(1000)
      .describe('Of how many runs it is kept at most'),
    max: size().default('5GB').describe('How much of it is kept at most; what is kept for several runs counts once'),
  })
    .prefault({})
    .describe('Kept pre-images'),
  durability: oneOf('full', 'fast')
    .default('full')
    .describe('full: content is on the disk before the archive says so; fast: that is left to the kernel'),
  audit: text('a path inside the root').default('logs/sync').describe('Folder inside the root for run logs and the hash-chained audit.jsonl'),
}).describe('Configuration of ubos-sync');

/** The config as it is after validation: defaults filled in, texts not yet converted. */
export type Config = z.output<typeof configSchema>;

/** Says what was expected in place of zod's own words. */
function expecting(expected: string): { readonly error: () => string } {
  return { error: () => expected };
}

function listOr(words: readonly string[]): string {
  const quoted = words.map((word) => `\`${word}\``);
  return quoted.length === 1 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}

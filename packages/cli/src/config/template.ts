/** The text of a new config. What most people change first is there, with its default and a word about it; docs/config.md has the rest. */

export type ProfileName = 'default' | 'ubos';

export const profileNames: readonly ProfileName[] = ['default', 'ubos'];

export interface TemplateChoices {
  readonly node: string;
  readonly url: string;
  readonly profile: ProfileName;
}

export function configTemplate({ node, url, profile }: TemplateChoices): string {
  const { include, exclude, logs } = contents[profile];
  return `version: 1
root: .                       # this node's tree, relative to this file
nodes:
  ${node}: { url: ${JSON.stringify(url)} }
live: false                   # two keys: --apply is refused until this is true
truth:
${include}  exclude: ${exclude}
  guard: []                   # never read, sent, replaced or deleted; *_state.json never is, anyway
  conflicts: newer            # newer | local | remote | keep-both | skip
  permissions: all            # all | executable | none
  maxDelete: 25%              # halt if more would be deleted: a share, or a number of files
${logs}durability: full              # full | fast
audit: logs/sync              # run logs, and the hash-chained audit.jsonl
`;
}

const contents: Readonly<Record<ProfileName, { readonly include: string; readonly exclude: string; readonly logs: string }>> = {
  default: {
    include: '  # include: [docs, config] # only these; without it: everything\n',
    exclude: '[".git/", ".cache/", "__pycache__/", "node_modules/"]',
    logs: 'logs: []                      # - { from: logs/name.jsonl, to: logs/name.jsonl }\n',
  },
  ubos: {
    include: '  include: [config, docs, missions, scripts, COMMS_HUB]\n',
    exclude: '["models/", ".git/", ".cache/", "__pycache__/"]',
    logs: `logs:                         # pulled from the node: one way, append-only
  - { from: logs/proposals.jsonl, to: logs/proposals.jsonl }
  - { from: logs/mission_log.jsonl, to: logs/mission_log.jsonl }
`,
  },
};

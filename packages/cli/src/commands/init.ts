import { writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { SyncError } from '@ubos/sync-core';
import { parseRemoteUrl } from '@ubos/sync-transport-ssh';
import { configNames } from '../config/find.ts';
import { nearest } from '../config/nearest.ts';
import { parseConfig } from '../config/parse.ts';
import { configTemplate, type ProfileName, profileNames, type TemplateChoices } from '../config/template.ts';
import type { ExitCode } from '../exit-code.ts';
import type { InitFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { answered, canAsk } from '../prompts.ts';
import { startOutput } from '../start-output.ts';

/** Writes a config: from flags, or from answers on a terminal. One that is there already is never replaced. */
export async function init(io: Io, flags: InitFlags): Promise<ExitCode> {
  const file = flags.config === undefined ? join(io.cwd, configNames[0]) : resolve(io.cwd, flags.config);
  const given = checkFlags(flags);
  const choices = given.url === undefined ? await ask(io, flags, given) : complete({ ...given, url: given.url });
  const text = configTemplate(choices);
  const parsed = parseConfig(text);
  if (!parsed.ok) throw new SyncError('SYNC_USAGE', `this would make no valid config: ${parsed.mistakes[0]?.message ?? ''}`);
  write(file, text);
  const { output, finish } = await startOutput(io, flags, {});
  output.emit({ type: 'config', path: file });
  if (flags.json !== true && flags.quiet !== true) io.stderr.write(nextSteps);
  return finish('applied');
}

interface Given {
  readonly url: string | undefined;
  readonly node: string | undefined;
  readonly profile: ProfileName | undefined;
}

function checkFlags({ remote, node, profile }: InitFlags): Given {
  if (node !== undefined && node.length !== 1) throw new SyncError('SYNC_USAGE', '--node takes one name here');
  const known = profileNames.find((name) => name === profile);
  if (profile !== undefined && known === undefined) {
    const meant = nearest(profile, profileNames);
    throw new SyncError(
      'SYNC_USAGE',
      `there is no profile \`${profile}\`${meant === undefined ? `; there are ${profileNames.join(' and ')}` : `; did you mean \`${meant}\`?`}`,
    );
  }
  const problem = remote === undefined ? undefined : urlProblem(remote);
  if (problem !== undefined) throw new SyncError('SYNC_USAGE', `--remote ${remote}: ${problem}`);
  return { url: remote, node: node?.[0], profile: known };
}

async function ask(io: Io, flags: InitFlags, given: Given): Promise<TemplateChoices> {
  if (!canAsk(io, flags) || flags.yes === true)
    throw new SyncError('SYNC_USAGE', 'init needs --remote URL where nobody can be asked', { hint: 'give --remote ssh://HOST/PATH' });
  const { select, text } = await import('@clack/prompts');
  const options = { input: io.stdin as NodeJS.ReadStream, output: io.stderr.stream, signal: io.signal };
  const url = answered(
    await text({ ...options, message: 'Where is the other side?', placeholder: 'ssh://HOST/PATH', validate: (value) => urlProblem(value ?? '') }),
  );
  const fallback = nodeNameOf(url);
  const node = given.node ?? answered(await text({ ...options, message: 'What is it called?', placeholder: fallback, defaultValue: fallback }));
  const profile =
    given.profile ??
    answered(
      await select<ProfileName>({
        ...options,
        message: 'What takes part?',
        options: [
          { value: 'default', label: 'everything in this folder' },
          { value: 'ubos', label: 'the UBOS tree and its logs' },
        ],
      }),
    );
  return { url, node, profile };
}

function complete({ url, node, profile }: Given & { readonly url: string }): TemplateChoices {
  return { url, node: node ?? nodeNameOf(url), profile: profile ?? 'default' };
}

function urlProblem(url: string): string | undefined {
  const parsed = parseRemoteUrl(url);
  return parsed.ok ? undefined : parsed.error;
}

/** The first part of the host's name, or the name of the folder, as far as it can be a node's name. */
function nodeNameOf(url: string): string {
  const parsed = parseRemoteUrl(url);
  if (!parsed.ok) return 'peer';
  const { value } = parsed;
  const name = value.kind === 'path' ? basename(value.path) : /^[\d.]+$|:/.test(value.host) ? '' : (value.host.split('.')[0] ?? '');
  const usable = name
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 64);
  return usable === '' || usable === 'local' ? 'peer' : usable;
}

function write(file: string, text: string): void {
  try {
    // Readable for all, writable for the owner alone, whatever the umask: that is what is asked for when it is read.
    writeFileSync(file, text, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new SyncError('SYNC_USAGE', `${file} is there already and is not replaced`, { path: file, hint: 'edit it, or remove it first' }, error);
    throw new SyncError('SYNC_IO', `unable to write ${file}: ${message}`, { path: file, errno: code }, error);
  }
}

const nextSteps = `Next: \`ubos-sync truth\` shows what would be done. If it is right, set \`live: true\` and run \`ubos-sync full --apply\`.\n`;

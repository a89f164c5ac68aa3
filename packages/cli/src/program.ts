/**
 * The command line. Only what is needed to understand it is loaded here; each command is loaded when it runs, so that `--version` and `--help`
 * cost little more than Node itself.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from './config/units.ts';
import type { ExitCode } from './exit-code.ts';
import type { AgentFlags, CommonFlags, EngineFlags, FullFlags, InitFlags, LogsFlags, NodeFlags, StatusFlags, TruthFlags } from './flags.ts';
import type { Io } from './io.ts';
import { version } from './version.ts';

/** Runs one command and returns its exit code. Nothing is thrown: what goes wrong is told, with its code. */
export async function runCli(io: Io): Promise<ExitCode> {
  let result: ExitCode = 0;
  const program = createProgram(io, (code) => {
    result = code;
  });
  try {
    await program.parseAsync([...io.argv], { from: 'user' });
    return result;
  } catch (error) {
    const { reportFailure, usageError } = await import('./failure.ts');
    if (!(error instanceof CommanderError)) return reportFailure(io, error);
    if (error.code === 'commander.help')
      return reportFailure(io, usageError(`a command is needed: ${program.commands.map((command) => command.name()).join(', ')}`));
    // Help and version come as errors, too.
    return error.exitCode === 0 ? 0 : reportFailure(io, usageError(error.message));
  }
}

function createProgram(io: Io, finish: (code: ExitCode) => void): Command {
  const program = new Command('ubos-sync');
  program
    .description('Keeps a tree the same on two machines and pulls their logs, over SSH.\nSyncs truth, not state: *_state.json never travels.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('--config <path>', 'use this config (else UBOS_SYNC_CONFIG, else ubos-sync.yaml here or above)')
    .option('--json', 'one JSON object a line on stdout')
    .option('-q, --quiet', 'say only what needs a person')
    .option('-v, --verbose', 'say more')
    .option('--no-color', 'no colours (also: NO_COLOR)')
    .option('-y, --yes', 'take the defaults instead of asking')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: () => {} })
    .showSuggestionAfterError(true)
    .exitOverride()
    .addHelpText('after', examples);

  const run = <Flags extends CommonFlags>(command: (flags: Flags, args: readonly string[]) => Promise<ExitCode>) =>
    async function (this: Command): Promise<void> {
      finish(await command(this.optsWithGlobals<Flags>(), this.args));
    };

  program
    .command('init')
    .description('write a config: asks on a terminal, takes flags otherwise')
    .option('--remote <url>', 'the other side: ssh://HOST/PATH, or a path')
    .option('--profile <name>', 'start from a profile: ubos')
    .option('--node <name>', 'what the other side is called', list)
    .action(run(async (flags: InitFlags) => (await import('./commands/init.ts')).init(io, flags)));

  withTruth(withPeer(program.command('truth')))
    .description('sync the tree both ways: a dry run, unless --apply is given and the config says `live: true`')
    .argument('[paths...]', 'only changes at or below these paths')
    .option('--plan <id>', 'this plan, as a dry run sealed it: exactly its changes, or none', planId)
    .action(run(async (flags: TruthFlags, args) => (await import('./commands/truth.ts')).truth(io, flags, args)));

  const logs = withPeer(program.command('logs'))
    .description('pull the logs: one way, append-only, nothing is ever overwritten')
    .argument('[names...]', 'only these logs')
    .option('-n, --dry-run', 'say what would be pulled')
    .option('--follow', 'go on as they grow, through rotations and lost connections, until it is stopped')
    .option('--print', 'with --follow and one name: write its lines to stdout instead of the copy, from now on')
    .option('--since-cursor', 'with --print: from where the copy ends')
    .addOption(verifyOption())
    .action(run(async (flags: LogsFlags, args) => (await import('./commands/logs.ts')).logs(io, flags, args)));
  logs
    .command('verify')
    .description('compare the copies with the logs on the node, whole, by digests: sends no content, changes nothing')
    .argument('[names...]', 'only these logs')
    .action(run(async (flags: LogsFlags, args) => (await import('./commands/logs-verify.ts')).logsVerify(io, flags, args)));

  withTruth(withPeer(program.command('full')))
    .description('truth, then logs, over one connection')
    .option('-n, --dry-run', 'change nothing at all, whatever else is given')
    .option('--dry-run-logs', 'say what would be pulled')
    .addOption(verifyOption())
    .action(run(async (flags: FullFlags) => (await import('./commands/full.ts')).full(io, flags)));

  withEngine(withPeer(program.command('undo')))
    .description(
      'take a run back, on both sides, where nothing has changed since: a dry run, unless --apply is given and the config says `live: true`',
    )
    .argument('<run>', 'the run, as its last line and the audit name it')
    .action(run(async (flags: EngineFlags, [name = '']) => (await import('./commands/undo.ts')).undo(io, flags, name)));

  withPeer(program.command('status'))
    .description('pending changes, last run, age of the last success, conflicts, locks; reads only')
    .option('--exit-code', 'exit with 1 if changes are pending')
    .option('--max-age <duration>', 'exit with 3 if the last success is older', duration)
    .action(run(async (flags: StatusFlags) => (await import('./commands/status.ts')).status(io, flags)));

  withNodes(program.command('why'))
    .description('why a path takes part or not, what is agreed about it and what the last run found; asks nobody')
    .argument('<path>', 'relative to the working directory, if that is in the tree, else to the root')
    .action(run(async (flags: NodeFlags, [path = '']) => (await import('./commands/why.ts')).why(io, flags, path)));

  program
    .command('agent')
    .description('be the far side, on stdin and stdout (also as a forced command in authorized_keys)')
    .requiredOption('--root <dir>', 'the tree to serve; nothing outside of it is touched')
    .option('--read-only', 'serve for reading only')
    .option('--logs <glob>', 'also serve logs outside of the root that match; repeatable', collect)
    .action(run(async (flags: AgentFlags) => (await import('./commands/agent.ts')).agent(io, flags)));

  for (const command of program.commands) command.helpOption('-h, --help', 'print this help').exitOverride();
  return program;
}

function withNodes(command: Command): Command {
  return command.option('--node <names>', 'these nodes (NAME[,NAME])', list).option('--all', 'every node, one after the other');
}

function withPeer(command: Command): Command {
  return withNodes(command)
    .option('-F, --ssh-config <file>', 'use this ssh_config (also: UBOS_SYNC_SSH_CONFIG)')
    .option('--accept-new-host-key', 'believe a host that is seen for the first time');
}

function withTruth(command: Command): Command {
  return withEngine(command)
    .addOption(new Option('--allow <reason>', 'take this halt, once; repeatable').choices(haltReasons).argParser(allowed))
    .addOption(
      new Option('--first <policy>', 'who wins where both sides differ at the first sync').choices(['newer', 'local', 'remote', 'keep-both']),
    )
    .option('--rejoin', 'go on with a replica or record that was lost: a union, nothing is deleted')
    .option('--restore-state', 'take a removed .ubos-sync back from the mirror outside the root')
    .option('--exit-code', 'exit with 1 if changes are pending');
}

/** Of the commands that can change the tree. */
function withEngine(command: Command): Command {
  return command
    .option('--apply', 'do it')
    .option('--rehash', 'read all content anew, whatever the index says')
    .option('--lock-wait <duration>', 'how long to wait for another run to end (default: 60s)', duration);
}

function verifyOption(): Option {
  return new Option('--verify <how>', 'how much of what was pulled is proved again, for every log').choices(['tail', 'full', 'off']);
}

/** The halts that can be taken. The others have no way around them, or another one. */
export const haltReasons: readonly string[] = ['marker-missing', 'root-emptied', 'path-emptied', 'mass-delete', 'mass-change', 'settings-differ'];

function allowed(reason: string, before: readonly string[] | undefined): readonly string[] {
  if (!haltReasons.includes(reason)) throw new InvalidArgumentError(`Allowed choices are ${haltReasons.join(', ')}.`);
  return collect(reason, before);
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function list(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), ...text.split(',').filter((name) => name !== '')];
}

/** The beginning of a hash: enough of it not to be mistyped. */
function planId(text: string): string {
  const id = text.toLowerCase();
  if (!/^[0-9a-f]{6,64}$/.test(id)) throw new InvalidArgumentError('The id of a plan is at least 6 hexadecimal digits, as a dry run prints it.');
  return id;
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('A duration is written as `90s`, `5m` or `1h`.');
  return ms;
}

const examples = `
Examples:
  ubos-sync init --remote ssh://balaur/srv/janus/repo   write a config
  ubos-sync truth                                       what would be done
  ubos-sync truth --apply --plan 3f2a9c                 do exactly that, or nothing
  ubos-sync full --apply                                do it, then pull the logs
  ubos-sync undo 20261121T061745Z-1a2b3c                what taking that run back would do
  ubos-sync status --max-age 30m                        for a monitor

Exit codes: 0 done, 1 done but something needs a person, 2 some transfers failed, 3 stopped.`;

import { PassThrough } from 'node:stream';
import type { Io, TextOutput } from '../io.ts';
import { runCli } from '../program.ts';
import { type OutputLine, outputLineSchema } from '../render/lines.ts';

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A whole command in this process, without a terminal. */
export async function cli(args: readonly string[], { cwd, env = {}, signal = new AbortController().signal }: CliOptions): Promise<CliResult> {
  let out = '';
  let err = '';
  const io: Io = {
    argv: args,
    env: { HOME: cwd, ...env },
    cwd,
    stdin: new PassThrough(),
    stdout: gathering((text) => {
      out += text;
    }),
    stderr: gathering((text) => {
      err += text;
    }),
    signal,
  };
  const code = await runCli(io);
  return { code, out, err };
}

/** With `--json`: every line, proved to be as the schema says, `summary` the last. */
export async function cliJson(
  args: readonly string[],
  options: CliOptions,
): Promise<{ readonly code: number; readonly lines: readonly OutputLine[]; readonly err: string }> {
  const { code, out, err } = await cli([...args, '--json'], options);
  const lines = out
    .trimEnd()
    .split('\n')
    .map((text) => outputLineSchema.parse(JSON.parse(text)));
  if (lines.at(-1)?.type !== 'summary') throw new Error(`the last line is no summary: ${out}`);
  return { code, lines, err };
}

function gathering(write: (text: string) => void): TextOutput {
  return { write, isTTY: false, columns: 100, stream: new PassThrough() as unknown as NodeJS.WriteStream };
}

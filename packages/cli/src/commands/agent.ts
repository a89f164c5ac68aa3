import { serveAgent, takeStandardStreams } from '@ubos/sync-transport-ssh';
import type { ExitCode } from '../exit-code.ts';
import { toSyncError } from '../failure.ts';
import type { AgentFlags } from '../flags.ts';
import type { Io } from '../io.ts';
import { printableText } from '../render/text.ts';

/** Serves one initiator over stdin and stdout until it is gone. Nothing but frames goes to stdout, so what went wrong is told on stderr alone, whatever the flags say. */
export async function agent(io: Io, { root, readOnly, logs }: AgentFlags): Promise<ExitCode> {
  const streams = takeStandardStreams();
  try {
    await serveAgent(streams, { root, readOnly, logs, signal: io.signal });
    return 0;
  } catch (error) {
    const { code, message } = toSyncError(error, io.signal);
    io.stderr.write(`ubos-sync agent: ${printableText(message)} [${code}]\n`);
    return 3;
  } finally {
    // The initiator may be gone without having closed its end.
    streams.readable.destroy();
    streams.writable.destroy();
  }
}

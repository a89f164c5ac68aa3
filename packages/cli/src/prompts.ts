/** Questions to the person at the terminal. Asked on stderr, because stdout is for results. */
import { SyncError } from '@ubos/sync-core';
import type { SshPrompts } from '@ubos/sync-transport-ssh';
import type { CommonFlags } from './flags.ts';
import type { Io } from './io.ts';
import { printable, printableText } from './render/text.ts';

/** Whether there is somebody to ask. */
export function canAsk({ stdin, stderr }: Io, { json }: CommonFlags): boolean {
  return stdin.isTTY === true && stderr.isTTY && json !== true;
}

/** `undefined`: nobody is there; a host that is not known is then refused, and a key with a passphrase left out. `--yes` does not answer these. */
export function sshPrompts(io: Io, flags: CommonFlags, beforeAsking: () => void): SshPrompts | undefined {
  if (!canAsk(io, flags)) return undefined;
  const options = { input: io.stdin as NodeJS.ReadStream, output: io.stderr.stream, signal: io.signal };
  return {
    async confirmHostKey({ name, address, keyType, fingerprint }) {
      const { confirm } = await import('@clack/prompts');
      beforeAsking();
      const message = `${printable(name)} (${printable(address)}) is not known yet. It shows this ${printable(keyType)} key:\n${printable(fingerprint)}\nIs this its key?`;
      return answered(await confirm({ ...options, message, initialValue: false }));
    },
    async passphrase({ keyFile, attempt }) {
      const { password } = await import('@clack/prompts');
      beforeAsking();
      const again = attempt > 1 ? 'That was not it. ' : '';
      const answer = answered(await password({ ...options, message: `${again}Passphrase of ${printable(keyFile)} (empty: leave this key out)` }));
      return answer === '' ? undefined : answer;
    },
    async answer({ name, instructions, prompts }) {
      const { password, text } = await import('@clack/prompts');
      beforeAsking();
      const before = [name, instructions].filter((part) => part !== '').map(printableText);
      const answers: string[] = [];
      for (const prompt of prompts) {
        const message = [...before, printableText(prompt.text)].join('\n');
        answers.push(answered(await (prompt.echo ? text({ ...options, message }) : password({ ...options, message }))) ?? '');
      }
      return answers;
    },
  };
}

/** Ctrl-C at a question stops the whole run, as anywhere else. */
export function answered<Answer>(answer: Answer): Exclude<Answer, symbol> {
  if (typeof answer === 'symbol') throw new SyncError('SYNC_INTERRUPTED', 'stopped at a question');
  return answer as Exclude<Answer, symbol>;
}

/** Reads what the far side prints before the protocol begins: lines of the launcher, which carry our nonce, and whatever a login shell says of its own. */
import { launchLine } from './launcher.ts';

/** See the table in `launcher.ts`. */
export type LaunchAnswer =
  | { readonly kind: 'old-node'; readonly text: string }
  | { readonly kind: 'no-node' }
  | { readonly kind: 'need'; readonly text: string }
  | { readonly kind: 'corrupt' }
  | { readonly kind: 'not-writable'; readonly text: string };

const kinds: ReadonlySet<string> = new Set(['old-node', 'no-node', 'need', 'corrupt', 'not-writable'] satisfies LaunchAnswer['kind'][]);

/** A line longer than this is none of ours. */
const lineBytesMax = 8_192;

/** Lines of the shell that are kept for the message when the start fails. */
const saidBytesMax = 4_096;

export interface AnswerReader {
  readonly read: (chunk: Uint8Array) => void;
  /** What the shell has said, without our lines; the first 4 KiB of it. */
  readonly said: Buffer;
}

export function createAnswerReader(nonce: string, onAnswer: (answer: LaunchAnswer) => void): AnswerReader {
  const start = launchLine(nonce, '');
  let line = Buffer.alloc(0);
  let said = Buffer.alloc(0);
  return {
    get said() {
      return Buffer.concat([said, line]).subarray(0, saidBytesMax);
    },
    read(chunk) {
      let rest = Buffer.from(chunk);
      for (;;) {
        const end = rest.indexOf(0x0a);
        line = Buffer.concat([line, end === -1 ? rest : rest.subarray(0, end)]).subarray(0, lineBytesMax);
        if (end === -1) return;
        finish(line.toString('utf8').trimEnd(), line);
        line = Buffer.alloc(0);
        rest = rest.subarray(end + 1);
      }
    },
  };

  function finish(text: string, bytes: Buffer): void {
    const answer = text.startsWith(start) ? parseAnswer(text.slice(start.length)) : undefined;
    if (answer !== undefined) onAnswer(answer);
    else if (text !== '' && said.length < saidBytesMax) said = Buffer.concat([said, bytes, Buffer.from('\n')]);
  }
}

function parseAnswer(text: string): LaunchAnswer | undefined {
  const space = text.indexOf(' ');
  const kind = space === -1 ? text : text.slice(0, space);
  return kinds.has(kind) ? ({ kind, text: space === -1 ? '' : text.slice(space + 1) } as LaunchAnswer) : undefined;
}

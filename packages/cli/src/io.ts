/** The process as the CLI sees it: passed in, so that a test runs whole commands without a process of its own. */
export interface Io {
  /** Without the program and the script. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  /** Aborted with `SYNC_INTERRUPTED` when the process is asked to stop. */
  readonly signal: AbortSignal;
}

export interface TextOutput {
  write(text: string): void;
  readonly isTTY: boolean;
  /** Of the terminal; 80 where there is none. */
  readonly columns: number;
  /** For prompts and live displays, which need the stream itself. */
  readonly stream: NodeJS.WriteStream;
}

/** Writes to a stream until nobody reads it any more. Then nothing more is written, and the work goes on: `ubos-sync truth --apply | head` applies all. */
export function textOutput(stream: NodeJS.WriteStream): TextOutput {
  let isOpen = true;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    isOpen = false;
  });
  return {
    write(text) {
      if (isOpen) stream.write(text);
    },
    get isTTY() {
      return stream.isTTY;
    },
    get columns() {
      // A terminal that does not know its width says 0.
      return stream.columns || 80;
    },
    stream,
  };
}

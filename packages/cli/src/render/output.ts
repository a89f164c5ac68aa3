import type { OutputBody, OutputLine } from './lines.ts';

/** Takes the lines of a command, one after the other; `summary` is the last. */
export interface Sink {
  line(line: OutputLine): void;
}

/** Names each line's run and time, and hands it to every sink. */
export interface Output {
  readonly run: string;
  emit(body: OutputBody): void;
}

export function createOutput({ run, nowMs, sinks }: { readonly run: string; readonly nowMs: () => number; readonly sinks: readonly Sink[] }): Output {
  return {
    run,
    emit(body) {
      const { type, ...rest } = body;
      const line = { type, run, at: new Date(nowMs()).toISOString(), ...rest } as OutputLine;
      for (const sink of sinks) sink.line(line);
    },
  };
}

/** Asking a source: facts about many extents, and a stream that may turn out not to be wanted. */
import type { Extent } from '../../log/extent.ts';
import type { LogFacts, LogSource } from './log-source.ts';

/** As many extents as one message of the wire takes; a log of 16 GiB is asked about in one. */
const extentsPerQuestion = 16_384;

/** `of`: of that generation instead of the log. */
export async function askFacts(
  source: LogSource,
  { extents, of, signal }: { readonly extents: readonly Extent[]; readonly of?: string | undefined; readonly signal: AbortSignal | undefined },
): Promise<LogFacts> {
  const first = await source.facts({ extents: extents.slice(0, extentsPerQuestion), of, signal });
  const digests = [...first.digests];
  while (first.stat !== undefined && digests.length < extents.length) {
    const more = await source.facts({ extents: extents.slice(digests.length, digests.length + extentsPerQuestion), of, signal });
    digests.push(...more.digests);
  }
  return { stat: first.stat, digests };
}

/** A stream that was asked for, and may turn out not to be wanted. */
export interface Reading {
  /** Whether there is a first piece (or an end): what `next` gives was opened by then. Rejects as `next` would. */
  opened(): Promise<void>;
  /** `undefined`: the end. */
  next(): Promise<Uint8Array | undefined>;
  /** The source may stop sending. Twice is fine. */
  stop(): Promise<void>;
}

export interface ReadingOf {
  readonly fromByte: number;
  /** This generation, or the log. */
  readonly of?: string | undefined;
  /** That file and no other. */
  readonly identity?: string | undefined;
  /** Goes on as the file grows. */
  readonly follow?: boolean | undefined;
  readonly signal: AbortSignal | undefined;
}

export function startReading(source: LogSource, { signal, follow = false, ...what }: ReadingOf): Reading {
  const controller = new AbortController();
  const forward = () => controller.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  const asked = { ...what, signal: controller.signal };
  const pieces = (follow ? source.follow(asked) : source.read(asked))[Symbol.asyncIterator]();
  let ahead: Promise<IteratorResult<Uint8Array>> | undefined = pieces.next();
  // Whoever asks for it gets the failure; if nobody does, it does not matter.
  ahead.catch(() => undefined);
  let isOver = false;
  return {
    async opened() {
      await ahead;
    },
    async next() {
      const result = await (ahead ?? pieces.next());
      ahead = undefined;
      if (result.done === true) isOver = true;
      return result.done === true ? undefined : result.value;
    },
    async stop() {
      signal?.removeEventListener('abort', forward);
      if (isOver) return;
      isOver = true;
      controller.abort();
      await Promise.allSettled([ahead, pieces.return?.()]);
    },
  };
}

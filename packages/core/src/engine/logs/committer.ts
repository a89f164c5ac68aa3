/**
 * Group commit for a log that is followed. What is appended while a commit waits for the platter is made durable by the next one, all of it together; so
 * however slow the disk is, what was appended is durable after two of its waits. The cursor, which costs more than the bytes of a second (18 kB and a file
 * made anew for a log of 579 MB), is moved at most once a second, and within a second of the last byte.
 */
import type { Clock } from '../clock.ts';

export interface Committer {
  /** What was appended up to now has to become durable. */
  request(): void;
  /** What made a commit fail; none is made after that. */
  readonly failure: unknown;
  /** Resolves when none is under way any more; rejects if one has failed. */
  stop(): Promise<void>;
}

export interface CommitterOptions {
  /** Makes everything durable; `movesCursor`: the cursor, too. */
  readonly commit: (movesCursor: boolean) => Promise<void>;
  readonly clock: Clock;
  readonly onFailure: () => void;
}

const cursorEveryMs = 1_000;

export function createCommitter({ commit, clock, onFailure }: CommitterOptions): Committer {
  const over = new AbortController();
  let isRequested = false;
  let movesCursor = false;
  let isPaced = false;
  let failure: unknown;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    try {
      while (isRequested && failure === undefined) {
        const moves = movesCursor;
        isRequested = false;
        movesCursor = false;
        await commit(moves);
        if (!moves && !isPaced) void pace();
      }
    } catch (error) {
      failure = error;
      onFailure();
    } finally {
      running = undefined;
    }
  }

  /** The cursor is moved by the first commit that begins a second from now. */
  async function pace(): Promise<void> {
    isPaced = true;
    await clock.delay(cursorEveryMs, over.signal).catch(() => {});
    isPaced = false;
    movesCursor = true;
    if (!over.signal.aborted) request();
  }

  function request(): void {
    isRequested = true;
    running ??= run();
  }

  return {
    request,
    get failure() {
      return failure;
    },
    async stop() {
      over.abort();
      await running;
      if (failure !== undefined) throw failure;
    },
  };
}

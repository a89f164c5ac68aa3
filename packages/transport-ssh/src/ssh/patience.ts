/** A time limit that does not run while a person is being asked. */
export interface Patience {
  /** Runs `ask` with the clock stopped. */
  readonly paused: <T>(ask: () => Promise<T>) => Promise<T>;
  /** Starts the whole time anew. */
  readonly renew: () => void;
  readonly stop: () => void;
}

export function createPatience(timeoutMs: number, onEnd: () => void): Patience {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const renew = (): void => {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(onEnd, timeoutMs);
  };
  renew();
  return {
    renew,
    async paused(ask) {
      clearTimeout(timer);
      try {
        return await ask();
      } finally {
        renew();
      }
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

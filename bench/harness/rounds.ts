/**
 * How things are measured here: rivals in one run, rounds interleaved, results verified outside the timed part, ratios with their spread.
 *
 * A machine wanders by a factor of two between runs, so an absolute time says little; the ratio of two contenders that ran one after the other in
 * the same round says much more. The order is turned round every other round.
 */
export interface Contender {
  readonly name: string;
  /** Brings the world into the state before the timed part. */
  prepare?(): Promise<void>;
  /** The timed part. */
  run(): Promise<void>;
  /** Throws if the result is wrong. Not timed. */
  verify?(): Promise<void>;
}

export interface CaseResult {
  readonly suite: string;
  readonly name: string;
  readonly workload: string;
  readonly rounds: number;
  readonly contenders: readonly ContenderResult[];
  /** What else was measured. */
  readonly notes?: readonly string[] | undefined;
}

export interface ContenderResult {
  readonly name: string;
  readonly seconds: readonly number[];
  /** Ours divided by this one's time, round by round; empty for ours. */
  readonly ratios: readonly number[];
}

/** Runs all contenders `rounds` times, after one round that is not counted. The first contender is ours. */
export async function runRounds(
  names: { readonly suite: string; readonly name: string; readonly workload: string },
  contenders: readonly Contender[],
  rounds: number,
  log: (line: string) => void,
): Promise<CaseResult> {
  const seconds = contenders.map((): number[] => []);
  for (let round = -1; round < rounds; round++) {
    const order = contenders.map((_, index) => index);
    if (round % 2 === 1) order.reverse();
    for (const index of order) {
      const contender = contenders[index];
      if (contender === undefined) continue;
      await contender.prepare?.();
      const start = performance.now();
      await contender.run();
      const took = (performance.now() - start) / 1000;
      await contender.verify?.();
      if (round >= 0) seconds[index]?.push(took);
      log(`${names.suite}/${names.name} ${round < 0 ? 'warm-up' : `round ${round + 1}`} ${contender.name}: ${took.toFixed(took < 0.1 ? 5 : 3)} s`);
    }
  }
  const ours = seconds[0] ?? [];
  return {
    ...names,
    rounds,
    contenders: contenders.map(({ name }, index) => ({
      name,
      seconds: seconds[index] ?? [],
      ratios: index === 0 ? [] : ours.map((own, round) => own / (seconds[index]?.[round] ?? Number.NaN)),
    })),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? Number.NaN) : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/**
 * Offset between two clocks, as NTP does it: of several questions the one with the shortest way there and back bounds the error best
 * (RFC 5905, section 8).
 */
import type { ClockRelation } from '../../reconcile/policy.ts';
import type { Replica, TimeSample } from '../replica.ts';

const sampleCount = 5;

/** Beta's clock against alpha's; `undefined` where both replicas are on this machine, so that one clock made both. */
export async function measureClocks(alpha: Replica, beta: Replica): Promise<ClockRelation | undefined> {
  if (!alpha.capabilities.remote && !beta.capabilities.remote) return undefined;
  const [left, right] = await Promise.all([bestSample(alpha), bestSample(beta)]);
  // Each sample compares its replica with the clock of this process; the difference of the two is free of it.
  return { offsetMs: right.nowMs - right.askedAtMs - (left.nowMs - left.askedAtMs), uncertaintyMs: left.uncertaintyMs + right.uncertaintyMs };
}

async function bestSample(replica: Replica): Promise<TimeSample> {
  let best = await replica.time();
  for (let count = 1; count < sampleCount && best.uncertaintyMs > 0; count++) {
    const sample = await replica.time();
    if (sample.uncertaintyMs < best.uncertaintyMs) best = sample;
  }
  return best;
}

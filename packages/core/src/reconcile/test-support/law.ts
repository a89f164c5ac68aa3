import fc from 'fast-check';
import { it } from 'vitest';
import { propertyRuns, propertySeed as seed } from '../../testing/property.ts';

/** How often each law is tried: where a run is short, 1,000 times; `PROPERTY_RUNS` for the long proof (`npm run proofs`). */
const numRuns = propertyRuns(1_000);

/** A property, named by its law. */
export function law<T>(title: string, arbitrary: fc.Arbitrary<T>, holds: (value: T) => void): void {
  it(`${title} (seed ${seed})`, { timeout: Math.max(60_000, numRuns * 60) }, () => {
    fc.assert(fc.property(arbitrary, holds), { seed, numRuns });
  });
}

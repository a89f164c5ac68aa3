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

/** What is tried of a product: all of it, unless `PROPERTY_RUNS` says less; then that many, from all over it. */
export function tried<T>(product: readonly T[]): readonly T[] {
  const count = propertyRuns(product.length);
  if (count >= product.length) return product;
  // A step that divides nothing, or one factor of the product would always be the same.
  return Array.from({ length: count }, (_, index) => product[(index * 7919) % product.length] as T);
}

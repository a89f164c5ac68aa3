/** How often a property is tried: as usual, or `PROPERTY_RUNS` for the long proof and for the short one of each mutant. */
export function propertyRuns(usual: number): number {
  return Number(process.env['PROPERTY_RUNS'] ?? usual);
}

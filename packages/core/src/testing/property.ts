/** Fixed, so that a red run can be looked at; `PROPERTY_SEED` gives another. */
export const propertySeed: number = Number(process.env['PROPERTY_SEED'] ?? 20261121);

/** How often a property is tried: as usual, or `PROPERTY_RUNS` for the long proof and for the short one of each mutant. */
export function propertyRuns(usual: number): number {
  return Number(process.env['PROPERTY_RUNS'] ?? usual);
}

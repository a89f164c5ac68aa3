/**
 * For people who bring their own replica: acceptance suites, trees, arbitraries, a replica in memory.
 *
 * @packageDocumentation
 */
export {};

/**
 * The engine of ubos-sync: pure trees, digests, scope and reconcile, and the runs that carry their decisions out over any two replicas.
 *
 * @packageDocumentation
 */
export type { Entry } from './tree/entry.ts';

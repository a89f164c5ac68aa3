import fc from 'fast-check';

/** A mutant is killed by the first failure; nobody reads a smaller one. */
fc.configureGlobal({ endOnFailure: true });

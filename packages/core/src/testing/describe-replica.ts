/**
 * The law of a `Replica`: what every implementation has to do, whatever it is made of. Bring your own test runner:
 *
 *     describeReplica('my replica', async () => ({ replica, write, read, remove, close }), { describe, it, expect });
 */
import { contentsLaws } from './replica-laws/contents.ts';
import { identityLaws } from './replica-laws/identity.ts';
import { movesLaws } from './replica-laws/moves.ts';
import { recordsLaws } from './replica-laws/records.ts';
import { scanLaws } from './replica-laws/scan.ts';
import { createSubject, type Law, type ReplicaUnderTest } from './replica-laws/subject.ts';
import { transitionLaws } from './replica-laws/transition.ts';
import type { TestRunner } from './test-runner.ts';

export function describeReplica(name: string, setup: () => Promise<ReplicaUnderTest>, { describe, it, expect }: TestRunner): void {
  const law: Law = (title, body) => {
    it(title, async () => {
      const under = await setup();
      try {
        await body(createSubject(under));
      } finally {
        await under.replica.close();
        await under.close();
      }
    });
  };

  describe(`${name} is a replica`, () => {
    for (const laws of [identityLaws, scanLaws, contentsLaws, transitionLaws, movesLaws, recordsLaws]) laws(law, expect);
  });
}

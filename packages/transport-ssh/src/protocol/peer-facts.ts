import type { Hello } from './messages/hello.ts';

/** What the other end says about itself. Nothing depends on it but what people are told. */
export interface PeerFacts {
  readonly engineVersion: string;
  readonly nodeVersion: string;
  readonly platform: string;
  readonly host: string;
  readonly features: readonly string[];
}

export function factsOf({ engine, node, platform, host, features }: Hello): PeerFacts {
  return { engineVersion: engine, nodeVersion: node, platform, host, features };
}

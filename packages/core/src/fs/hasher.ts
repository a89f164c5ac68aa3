import { createHash } from 'node:crypto';
import xxhash from 'xxhash-wasm';
import type { Digest, DigestKind } from '../hash/digest.ts';

/** Digests of one kind. Not to be shared between threads; two hashers at once are fine. */
export interface Hashing {
  readonly kind: DigestKind;
  hash(bytes: Uint8Array): Digest;
  createHasher(): Hasher;
}

export interface Hasher {
  update(bytes: Uint8Array): void;
  /** Ends this hasher. */
  digest(): Digest;
}

/** `fast`: two XXH64 under different seeds in one pass, about 2 GB/s. `strong`: SHA-256, 0.3 to 1.5 GB/s. */
export async function loadHashing(kind: DigestKind): Promise<Hashing> {
  return kind === 'fast' ? fastHashing(await loadXxhash()) : strongHashing;
}

/** Two seeds make 128 bits of the only fast hash that Node can be given without a compiler. Any two would do; these are part of the format. */
const seedLow = 0n;
const seedHigh = 0x9e3779b97f4a7c15n;

type Xxhash = Awaited<ReturnType<typeof xxhash>>;

let loading: Promise<Xxhash> | undefined;

function loadXxhash(): Promise<Xxhash> {
  loading ??= xxhash();
  return loading;
}

function fastHashing({ create64, h64Raw }: Xxhash): Hashing {
  return {
    kind: 'fast',
    hash: (bytes) => pairToDigest(h64Raw(bytes, seedLow), h64Raw(bytes, seedHigh)),
    createHasher() {
      const low = create64(seedLow);
      const high = create64(seedHigh);
      return {
        update(bytes) {
          low.update(bytes);
          high.update(bytes);
        },
        digest: () => pairToDigest(low.digest(), high.digest()),
      };
    },
  };
}

const strongHashing: Hashing = {
  kind: 'strong',
  hash: (bytes) => createHash('sha256').update(bytes).digest('binary') as Digest,
  createHasher() {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('binary') as Digest };
  },
};

const scratch = Buffer.alloc(16);

function pairToDigest(low: bigint, high: bigint): Digest {
  scratch.writeBigUInt64BE(low, 0);
  scratch.writeBigUInt64BE(high, 8);
  return scratch.toString('latin1') as Digest;
}

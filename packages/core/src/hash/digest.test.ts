import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import { type Digest, digestFromHex, digestHex } from './digest.ts';

describe(`a digest in hexadecimal (seed ${seed})`, () => {
  it('has two digits a byte, and is read back', () => {
    expect(digestHex('\x00\x0f\xa5\xff' as Digest)).toBe('000fa5ff');
    expect(digestFromHex('000fa5ff')).toBe('\x00\x0f\xa5\xff');
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 });
    fc.assert(
      fc.property(bytes, (list) => {
        const digest = String.fromCharCode(...list) as Digest;
        expect(digestHex(digest)).toHaveLength(2 * list.length);
        expect(digestFromHex(digestHex(digest))).toBe(digest);
      }),
      { seed, numRuns: propertyRuns(500) },
    );
  });

  it.each(['', '0', '000', 'xx', '0g', 'AF', ' 00', '00 ', '00\n', '00xx', 'xx00', '0x00'])('refuses %j', (hex) => {
    expect(digestFromHex(hex)).toBeUndefined();
  });
});

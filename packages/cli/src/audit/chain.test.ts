import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chainLine, emptyChain, readChainLine, verifyChain } from './chain.ts';

const seed = 20_251_107;

describe(`the chain of the audit (seed ${seed})`, () => {
  const bodies = fc.array(fc.record({ type: fc.constantFrom('run', 'change'), path: fc.string({ unit: 'binary' }), n: fc.integer() }), {
    minLength: 1,
    maxLength: 8,
  });

  it('holds as it was written', () => {
    fc.assert(
      fc.property(bodies, (list) => {
        const verdict = verifyChain(chain(list));
        expect(verdict).toMatchObject({ ok: true, head: { seq: list.length } });
      }),
      { seed },
    );
  });

  it('any altered byte is found, and its line is named', () => {
    fc.assert(
      fc.property(bodies, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 94 }), (list, which, at, shift) => {
        const lines = chain(list);
        const index = which % lines.length;
        const line = lines[index] ?? '';
        const position = at % line.length;
        const code = line.charCodeAt(position);
        const other = String.fromCharCode(code < 127 && code > 31 ? 32 + ((code - 32 + shift) % 95) : 33);
        lines[index] = line.slice(0, position) + other + line.slice(position + 1);
        expect(verifyChain(lines)).toMatchObject({ ok: false, line: index + 1 });
      }),
      { seed },
    );
  });

  it('a removed, added, doubled or moved line is found', () => {
    const lines = chain([{ n: 1 }, { n: 2 }, { n: 3 }]);
    const [a = '', b = '', c = ''] = lines;
    for (const altered of [
      [a, c],
      [b, c],
      [a, a, b, c],
      [a, c, b],
      [a, chainLine(emptyChain, { n: 9 }).text, b, c],
    ]) {
      expect(verifyChain(altered).ok).toBe(false);
    }
  });

  it('is printable whatever the names are', () => {
    const { text } = chainLine(emptyChain, { path: 'a\u001b[2J\u009b1m\u202e\u2028b' });
    expect(text).toMatch(/^[\x20-\x7e]+$/);
    expect(readChainLine(text)?.body['path']).toBe('a\u001b[2J\u009b1m\u202e\u2028b');
  });
});

function chain(list: readonly Record<string, unknown>[]): string[] {
  let head = emptyChain;
  return list.map((body) => {
    const line = chainLine(head, body);
    head = line.head;
    return line.text;
  });
}

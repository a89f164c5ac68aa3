import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAnswerReader, type LaunchAnswer } from './answers.ts';

const nonce = 'c0ffee';
const read = (chunks: readonly Uint8Array[]): { answers: LaunchAnswer[]; said: string } => {
  const answers: LaunchAnswer[] = [];
  const reader = createAnswerReader(nonce, (answer) => answers.push(answer));
  for (const chunk of chunks) reader.read(chunk);
  return { answers, said: reader.said.toString() };
};
const text =
  'Welcome!\r\nubos-sync 000000 no-node\n$ \nubos-sync c0ffee old-node v12 /usr/bin/node\n\nubos-sync c0ffee need missing\nubos-sync c0ffee dance\n rest';

describe('createAnswerReader', () => {
  it('tells our lines from those of a shell', () => {
    expect(read([Buffer.from(text)])).toEqual({
      answers: [
        { kind: 'old-node', text: 'v12 /usr/bin/node' },
        { kind: 'need', text: 'missing' },
      ],
      said: 'Welcome!\r\nubos-sync 000000 no-node\n$ \nubos-sync c0ffee dance\n rest',
    });
  });

  it('reads the same however it is cut (seed 5)', () => {
    const whole = read([Buffer.from(text)]);
    const cuts = fc.array(fc.nat(text.length), { maxLength: 20 });
    fc.assert(
      fc.property(cuts, (at) => {
        const points = [0, ...at.sort((a, b) => a - b), text.length];
        const chunks = points.slice(1).map((end, i) => Buffer.from(text.slice(points[i], end)));
        expect(read(chunks)).toEqual(whole);
      }),
      { seed: 5 },
    );
  });

  it('keeps little of a shell that says much', () => {
    const { answers, said } = read([Buffer.alloc(100_000, 'x'), Buffer.from('\nubos-sync c0ffee no-node\n'), Buffer.alloc(100_000, 'y')]);
    expect(answers).toEqual([{ kind: 'no-node', text: '' }]);
    expect(said.length).toBe(4_096);
  });
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../hash/digest.ts';
import { propertyRuns, propertySeed as seed } from '../testing/property.ts';
import type { Entry, Mode } from './entry.ts';
import { nodeToJson, parseNode } from './node-json.ts';

const mode: fc.Arbitrary<Mode> = fc.integer({ min: 0, max: 0o777 });
const mtimeMs = fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true }).map((ms) => ms + 0);
const digest = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => String.fromCharCode(...bytes) as Digest);
const nodes: fc.Arbitrary<Entry> = fc.oneof(
  mode.map((bits): Entry => ({ kind: 'directory', mode: bits, children: [] })),
  fc.record({ mode, mtimeMs, digest, sizeBytes: fc.maxSafeNat() }).map((file): Entry => ({ kind: 'file', ...file })),
  fc.record({ target: fc.string({ unit: 'binary' }), mtimeMs }).map((link): Entry => ({ kind: 'symlink', ...link })),
  fc.constantFrom<Entry>({ kind: 'untracked', reason: 'placeholder' }, { kind: 'problematic', code: 'EACCES' }),
);

function throughText(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe(`a node as JSON (seed ${seed})`, () => {
  it('is read back as it was, with its time or without', () => {
    fc.assert(
      fc.property(nodes, (node) => {
        expect(parseNode(throughText(nodeToJson(node, 'times')), 'times')).toEqual({ ok: true, value: node });
        const timeless = node.kind === 'file' || node.kind === 'symlink' ? { ...node, mtimeMs: 0 } : node;
        expect(parseNode(throughText(nodeToJson(node, 'no-times')), 'no-times')).toEqual({ ok: true, value: timeless });
      }),
      { seed, numRuns: propertyRuns(1_000) },
    );
  });

  it('has its keys in order, and says nothing of a time that is not wanted', () => {
    fc.assert(
      fc.property(nodes, (node) => {
        for (const times of ['times', 'no-times'] as const) {
          const keys = Object.keys(throughText(nodeToJson(node, times)) as object);
          expect(keys).toEqual([...keys].sort());
          if (times === 'no-times') expect(keys).not.toContain('mtimeMs');
        }
      }),
      { seed, numRuns: propertyRuns(100) },
    );
  });

  it('that lacks a field, or has another thing in its place, is refused and never an error', () => {
    const odd = fc.oneof(fc.constant(undefined), fc.jsonValue());
    fc.assert(
      fc.property(nodes, fc.nat(), odd, (node, at, value) => {
        const fields = throughText(nodeToJson(node, 'times')) as Record<string, unknown>;
        const key = Object.keys(fields)[at % Object.keys(fields).length] ?? '';
        const parsed = parseNode({ ...fields, [key]: value }, 'times');
        // What is put in its place may be right by chance.
        if (parsed.ok) expect(throughText(nodeToJson(parsed.value, 'times'))).toHaveProperty(key, Object.is(value, -0) ? 0 : value);
        else expect(parsed.error).not.toBe('');
      }),
      { seed, numRuns: propertyRuns(1_000) },
    );
    const unprintable = { toString: null };
    for (const value of [undefined, null, 7, 'file', [], { kind: unprintable }, { kind: 'untracked', reason: unprintable }])
      expect(parseNode(value, 'times').ok).toBe(false);
    expect(parseNode(JSON.parse('{"kind":"symlink","target":"x","mtimeMs":1e999}'), 'times').ok).toBe(false);
  });
});

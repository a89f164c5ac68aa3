import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logGuards } from '../scope/guards.ts';
import { compilePatterns } from '../scope/pattern.ts';
import type { RelativePath } from '../tree/path.ts';
import { type GenerationName, generationsAfter, keptName, keptNumber, logsOfGeneration, parseGenerationName } from './generations.ts';

const seed = 20_261_122;
const log = 'mission_log.jsonl';

/** Of every generation that is found the guards of its log hold. */
const isGuarded = (name: string): boolean => compilePatterns(logGuards(log as RelativePath)).lastMatch(name as RelativePath, 'other') !== -1;

describe('names of generations', () => {
  const table: readonly (readonly [string, 'counted' | 'dated' | 'other' | undefined, packed?: true])[] = [
    ['mission_log.jsonl', undefined],
    ['mission_log.jsonl.1', 'counted'],
    ['mission_log.jsonl.10', 'counted'],
    ['mission_log.jsonl.2.gz', 'counted', true],
    ['mission_log.1.jsonl', 'counted'],
    ['mission_log-1.jsonl', 'counted'],
    ['mission_log.jsonl-20261122', 'dated'],
    ['mission_log.jsonl-20261122.zst', 'dated', true],
    ['mission_log.jsonl-20261122-1763769600', 'dated'],
    ['mission_log.jsonl.2026-11-22', 'dated'],
    ['mission_log-2026-11-22T00:00:00Z.jsonl', 'dated'],
    ['mission_log.20261122.jsonl.xz', 'dated', true],
    ['mission_log_20261122.jsonl', undefined],
    ['mission_log.jsonl.old', 'other'],
    ['mission_log.jsonl~', undefined],
    ['mission_log.jsonl.gz', 'other', true],
    ['mission_log.old.jsonl', undefined],
    ['mission_log.jsonl.bak', 'other'],
    ['mission_log.jsonl.1.swp', undefined],
    ['mission_log.jsonl.private', undefined],
    ['mission_log.jsonl2', undefined],
    ['mission_log.txt', undefined],
    ['mission_log2.jsonl', undefined],
    ['mission_log.notes.jsonl', undefined],
    ['mission_log', undefined],
    ['other.jsonl.1', undefined],
  ];
  for (const [name, scheme, packed] of table) {
    it(`${name}: ${scheme ?? 'none'}${packed ? ', packed' : ''}`, () => {
      const found = parseGenerationName(log, name);
      expect([found?.scheme, found?.compressed ?? false]).toEqual([scheme, packed ?? false]);
      if (found !== undefined) expect(isGuarded(name)).toBe(true);
    });
  }

  it('of a log without an ending, and of one that is all ending', () => {
    expect(parseGenerationName('syslog', 'syslog.1')?.scheme).toBe('counted');
    expect(parseGenerationName('.log', '.log.1')?.scheme).toBe('counted');
    expect(parseGenerationName('.log', '.1.log')).toBe(undefined);
  });
});

const named = (...names: readonly string[]): readonly GenerationName[] => names.flatMap((name) => parseGenerationName(log, name) ?? []);
const after = (found: string, ...names: readonly string[]): readonly string[] => {
  const [of] = named(found);
  if (of === undefined) throw new TypeError(found);
  return generationsAfter(of, named(...names)).map(({ name }) => name);
};

describe('the generations after one', () => {
  it('are those with a lower number, the highest first', () => {
    expect(after(`${log}.3`, `${log}.1`, `${log}.10`, `${log}.2`, `${log}.3`, `${log}.4`)).toEqual([`${log}.2`, `${log}.1`]);
    expect(after(`${log}.1`, `${log}.1`, `${log}.2`)).toEqual([]);
    expect(after(`${log}.03`, `${log}.02`, `${log}.3`, `${log}.1`)).toEqual([`${log}.02`, `${log}.1`]);
  });

  it('are those with a later date, the earliest first', () => {
    expect(after(`${log}-20261120`, `${log}-20261122`, `${log}-20261119`, `${log}-20261121`)).toEqual([`${log}-20261121`, `${log}-20261122`]);
  });

  it('are named the same way, and packed only where there is no other form', () => {
    expect(after(`${log}.4`, `${log}.3.gz`, `${log}.2.gz`, `${log}.2`, `${log}-20261121`, 'mission_log.1.jsonl', `${log}.old`)).toEqual([
      `${log}.3.gz`,
      `${log}.2`,
    ]);
    expect(after(`${log}-20261120`, `${log}-2026-11-21`, `${log}-20261121`)).toEqual([`${log}-20261121`]);
    expect(after(`${log}.old`, `${log}.1`, `${log}.bak`)).toEqual([]);
  });

  it(`are, for any set of generations and any two of it, after exactly one of the two (seed ${seed})`, () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(numbers, fc.boolean(), (list, dated) => {
        const names = list.map((number) => (dated ? `${log}-${20_260_000 + number}` : `${log}.${number}`));
        for (const one of names)
          for (const two of names) if (one !== two) expect(after(one, ...names).includes(two)).toBe(!after(two, ...names).includes(one));
      }),
      { seed },
    );
  });
});

describe('names of kept copies', () => {
  it('name their generation, and are guarded as the log is', () => {
    for (const [number, copy] of [
      [1, 1],
      [12, 3],
    ] as const) {
      const name = keptName(log, { number, startedAt: '20261122T001500Z' }, copy);
      expect(keptNumber(log, name)).toBe(number);
      expect(isGuarded(name)).toBe(true);
    }
  });

  it.each([
    'mission_log.jsonl',
    'mission_log.jsonl.1',
    'mission_log.jsonl.20261122T001500Z',
    'other.jsonl.20261122T001500Z.g1',
    'mission_log.jsonl.20261122T001500Z.g1.gz',
  ])('%s is none', (name) => {
    expect(keptNumber(log, name)).toBe(undefined);
  });
});

describe('logsOfGeneration', () => {
  const part = fc.constantFrom('a', 'log', '.', '-', '.1', '-20261122', '.jsonl', '.gz', '.old', '2');
  const name = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));

  it('finds every log that a name is a generation of, and no other', () => {
    fc.assert(
      fc.property(name, fc.constantFrom('', '.1', '-20261122', '.gz', '.2.gz', '.old'), (logName, ending) => {
        const dot = logName.lastIndexOf('.');
        const inside = dot > 0 ? `${logName.slice(0, dot)}${ending}${logName.slice(dot)}` : `${logName}${ending}`;
        for (const found of [`${logName}${ending}`, inside]) {
          const logs = logsOfGeneration(found);
          expect(logs.every((each) => parseGenerationName(each, found) !== undefined)).toBe(true);
          expect(logs.includes(logName)).toBe(parseGenerationName(logName, found) !== undefined);
        }
      }),
      { numRuns: 1_000, seed },
    );
  });
});

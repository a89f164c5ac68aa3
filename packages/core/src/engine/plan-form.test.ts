import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reconcile } from '../reconcile/reconcile.ts';
import { sealPlan } from '../reconcile/sealed-plan.ts';
import { law } from '../reconcile/test-support/law.ts';
import { treeArbitraries } from '../testing/arbitraries.ts';
import { dir, file, link, path } from '../testing/trees.ts';
import { encodePlanForm, type PlanForm, parsePlanForm, toPlanSettings } from './plan-form.ts';
import type { ReplicaId } from './replica.ts';
import { canonicalJson, defaultSyncSettings, toPairSettings } from './sync-settings.ts';

const pair = { alpha: 'replica-a' as ReplicaId, beta: 'replica-b' as ReplicaId, profile: 'default' };
const settings = toPlanSettings(toPairSettings(defaultSyncSettings, pair));
const archive = { generation: 12, digest: 'c0ffee' };

const { related, renamed, policy, clock } = treeArbitraries(fc);
const form: fc.Arbitrary<PlanForm> = fc
  .record({ trees: fc.oneof(related, renamed), policy, clock, archive: fc.constantFrom(undefined, archive) })
  .map(({ trees, archive: head, ...rest }) => ({ pair, archive: head, settings, plan: sealPlan(reconcile({ ...trees, ...rest }), trees) }));

describe('the canonical form of a sealed plan', () => {
  it('is lines that people can read', () => {
    const before = dir({ 'a.md': file('one'), 'old.md': file('moved'), sub: dir({ x: file('x') }) });
    const ancestor = { alpha: before, beta: before };
    const trees = {
      ancestor,
      alpha: dir({ 'a.md': file('two', { mtimeMs: 5 }), 'old.md': file('moved'), sub: dir({ x: file('x') }, { mode: 0o700 }) }),
      beta: dir({ 'a.md': file('three', { mtimeMs: 90_000 }), 'new.md': file('moved'), sub: dir({}), to: link('a.md') }),
    };
    const plan = reconcile({
      ...trees,
      policy: { conflicts: 'newer', onTie: 'skip', direction: 'both', paths: [], naming: { alpha: 'one', beta: 'two', date: '2026-11-21' } },
    });
    const text = encodePlanForm({ pair, archive, settings: { scope: { exclude: [] }, digest: 'fast' }, plan: sealPlan(plan, trees) });
    // Of each digest the first four digits.
    expect(text?.replace(/[0-9a-f]{28}(?=")/g, '')).toBe(`\
{"archive":{"digest":"c0ffee","generation":12},"format":1,"pair":{"alpha":"replica-a","beta":"replica-b","profile":"default"},"settings":{"digest":"fast","scope":{"exclude":[]}}}
{"from":{"entry":{"digest":"ae11","kind":"file","mode":420,"sizeBytes":5},"path":"old.md"},"new":{"digest":"ae11","kind":"file","mode":420,"sizeBytes":5},"old":null,"path":"new.md","side":"alpha"}
{"new":null,"old":{"digest":"ae11","kind":"file","mode":420,"sizeBytes":5},"path":"old.md","side":"alpha","to":"new.md"}
{"new":{"digest":"8886","kind":"file","mode":420,"sizeBytes":5},"old":{"digest":"be24","kind":"file","mode":420,"sizeBytes":3},"path":"a.md","side":"alpha","was":{"digest":"ba27","kind":"file","mode":420,"sizeBytes":3}}
{"new":null,"old":{"digest":"fd0c","kind":"file","mode":420,"sizeBytes":1},"path":"sub/x","side":"alpha"}
{"new":{"kind":"symlink","target":"a.md"},"old":null,"path":"to","side":"alpha"}
{"new":{"kind":"directory","mode":448},"old":{"kind":"directory","mode":493},"path":"sub","side":"beta"}
{"conflict":"a.md","reason":"content","resolution":"beta","rule":"6 newer"}
`);
  });

  law('read back it is the plan, and written again the same bytes', form, (given) => {
    const text = encodePlanForm(given) ?? '';
    const parsed = parsePlanForm(text);
    expect(parsed).toEqual({ ok: true, value: given });
    expect(parsed.ok && encodePlanForm(parsed.value)).toBe(text);
  });

  law('does not depend on the order in which anything was put into an object', form, (given) => {
    const text = encodePlanForm(given) ?? '';
    expect(encodePlanForm(shuffled(given))).toBe(text);
    for (const line of text.trimEnd().split('\n')) expect(canonicalJson(JSON.parse(line))).toBe(line);
  });

  it('does not depend on how settings are written', () => {
    const scope = { include: ['b', 'a', 'b'], exclude: ['y', 'x'], guard: ['q', 'p'] };
    const sorted = { include: ['a', 'b'], exclude: ['y', 'x'], guard: ['p', 'q'] };
    const settingsOf = (rules: typeof scope) => toPlanSettings(toPairSettings({ ...defaultSyncSettings, scope: rules }, pair));
    expect(settingsOf(scope)).toEqual(settingsOf(sorted));
    expect(settingsOf({ ...scope, exclude: ['x', 'y'] })).not.toEqual(settingsOf(scope));
  });

  law(
    'with any byte changed, added or lost it is another plan, or refused; nothing is thrown',
    fc.tuple(form, fc.nat(), fc.string({ maxLength: 2 })),
    ([given, where, instead]) => {
      const text = encodePlanForm(given) ?? '';
      const at = where % (text.length + 1);
      for (const damaged of [
        text.slice(0, at),
        `${text.slice(0, at)}${instead}${text.slice(at + 1)}`,
        `${text.slice(0, at)}${instead}${text.slice(at)}`,
      ]) {
        const parsed = parsePlanForm(damaged);
        if (parsed.ok) expect(encodePlanForm(parsed.value)).toBe(damaged);
        else expect(parsed.error).not.toBe('');
        if (damaged !== text) expect(parsed).not.toEqual({ ok: true, value: given });
      }
    },
  );

  const header = '{"archive":null,"format":1,"pair":{"alpha":"a","beta":"b","profile":"p"},"settings":{}}\n';
  it.each([
    ['nothing', ''],
    ['no lines', '\n'],
    ['a later format', header.replace('"format":1', '"format":2')],
    ['no pair', header.replace('"pair":{"alpha":"a","beta":"b","profile":"p"}', '"pair":[]')],
    ['a list nested without end', '['.repeat(500_000)],
    ['settings nested without end', header.replace('"settings":{}', `"settings":{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`)],
    ['a path that leads out', `${header}{"new":null,"old":{"kind":"directory","mode":493},"path":"../x","side":"alpha"}\n`],
    ['a side that is none', `${header}{"new":null,"old":{"kind":"directory","mode":493},"path":"x","side":"gamma"}\n`],
    ['something that cannot be made', `${header}{"new":{"kind":"untracked","reason":"special"},"old":null,"path":"x","side":"alpha"}\n`],
    ['a mode that is none', `${header}{"new":{"kind":"directory","mode":4095},"old":null,"path":"x","side":"alpha"}\n`],
    ['a kind that is not known', `${header}{"new":{"kind":"door"},"old":null,"path":"x","side":"alpha"}\n`],
    ['a field more', `${header}{"extra":1,"new":null,"old":{"kind":"directory","mode":493},"path":"x","side":"alpha"}\n`],
    [
      'beta before alpha',
      `${header}${['beta', 'alpha'].map((side) => `{"new":null,"old":{"kind":"directory","mode":493},"path":"x","side":"${side}"}\n`).join('')}`,
    ],
    ['a conflict that is still open', `${header}{"conflict":"x","reason":"tie","resolution":"skipped","rule":"6 tie"}\n`],
    ['an open end', `${header}{"new":null,"old":{"kind":"directory","mode":493},"path":"x","side":"alpha"}`],
  ])('is not %s', (_what, text) => {
    expect(parsePlanForm(text).ok).toBe(false);
  });

  it('is not made where it is too long to be kept', () => {
    const target = 'é'.repeat(1000);
    const change = { path: path('a'), old: undefined, new: link(target), peer: link(target), was: undefined };
    const given = { pair, archive, settings, plan: { changes: { alpha: [change], beta: [] }, settled: [] } };
    const bytes = new TextEncoder().encode(encodePlanForm(given)).length;
    expect(encodePlanForm(given, bytes)).toBe(encodePlanForm(given));
    expect(encodePlanForm(given, bytes - 1)).toBeUndefined();
  });
});

/** The same value, every object's keys in another order. */
function shuffled<T>(value: T): T {
  if (Array.isArray(value)) return value.map(shuffled) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, field]) => [name, shuffled(field)]),
  ) as T;
}

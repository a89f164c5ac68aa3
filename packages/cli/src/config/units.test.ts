import { describe, expect, it } from 'vitest';
import { nearest } from './nearest.ts';
import { parseDuration, parseLimit, parseSize } from './units.ts';

describe('durations', () => {
  it.each([
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['30d', 2_592_000_000],
    ['250ms', 250],
    ['1.5h', 5_400_000],
    ['5', undefined],
    ['5 m', undefined],
    ['m', undefined],
    ['-5m', undefined],
    ['5M', undefined],
    ['1h30m', undefined],
  ])('%s', (text, ms) => expect(parseDuration(text)).toBe(ms));
});

describe('sizes', () => {
  it.each([
    ['64KiB', 65_536],
    ['1MB', 1_000_000],
    ['5GB', 5_000_000_000],
    ['2kB', 2000],
    ['7B', 7],
    ['1.5GiB', 1_610_612_736],
    ['5', undefined],
    ['5G', undefined],
    ['5 GB', undefined],
  ])('%s', (text, bytes) => expect(parseSize(text)).toBe(bytes));
});

describe('limits', () => {
  it.each([
    ['25%', { share: 0.25 }],
    ['0%', { share: 0 }],
    ['100%', { share: 1 }],
    ['101%', undefined],
    [25, { count: 25 }],
    [0, { count: 0 }],
    [1.5, undefined],
    [-1, undefined],
  ])('%s', (value, limit) => expect(parseLimit(value)).toEqual(limit));
});

describe('nearest', () => {
  const keys = ['include', 'exclude', 'guard', 'conflicts', 'onTie', 'maxDelete', 'maxChange'];
  it.each([
    ['exlude', 'exclude'],
    ['Exclude', 'exclude'],
    ['incldue', 'include'],
    ['max_delete', 'maxDelete'],
    ['ontie', 'onTie'],
    ['frobnicate', undefined],
    ['x', undefined],
  ])('%s', (word, meant) => expect(nearest(word, keys)).toBe(meant));
});

import { type CaseResult, median } from './rounds.ts';

/** A Markdown table, a row a contender: median with its spread, and ours divided by theirs. */
export function toMarkdown(results: readonly CaseResult[]): string {
  const lines = ['| case | contender | median s | min - max s | ours / theirs | min - max |', '|---|---|---:|---:|---:|---:|'];
  for (const { suite, name, workload, contenders } of results) {
    for (const [index, { name: contender, seconds, ratios }] of contenders.entries()) {
      const title = index === 0 ? `${suite}/${name}: ${workload}` : '';
      const ratio = ratios.length === 0 ? ['', ''] : [median(ratios).toFixed(2), spread(ratios, 2)];
      lines.push(
        `| ${title} | ${contender} | ${median(seconds).toFixed(digits(seconds))} | ${spread(seconds, digits(seconds))} | ${ratio[0]} | ${ratio[1]} |`,
      );
    }
  }
  const notes = results.flatMap(({ suite, name, notes: found = [] }) => found.map((note) => `- ${suite}/${name}: ${note}`));
  return `${[...lines, ...(notes.length === 0 ? [] : ['', ...notes])].join('\n')}\n`;
}

/** What takes milliseconds is told in milliseconds. */
function digits(seconds: readonly number[]): number {
  return median(seconds) < 0.1 ? 4 : 2;
}

function spread(values: readonly number[], places: number): string {
  return `${Math.min(...values).toFixed(places)} - ${Math.max(...values).toFixed(places)}`;
}

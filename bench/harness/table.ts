import { type CaseResult, median } from './rounds.ts';

/** A Markdown table, a row a contender: median with its spread, and ours divided by theirs. */
export function toMarkdown(results: readonly CaseResult[]): string {
  const lines = ['| case | contender | median s | min - max s | ours / theirs | min - max |', '|---|---|---:|---:|---:|---:|'];
  for (const { suite, name, workload, contenders } of results) {
    for (const [index, { name: contender, seconds, ratios }] of contenders.entries()) {
      const title = index === 0 ? `${suite}/${name}: ${workload}` : '';
      const ratio = ratios.length === 0 ? ['', ''] : [median(ratios).toFixed(2), spread(ratios, 2)];
      lines.push(`| ${title} | ${contender} | ${median(seconds).toFixed(2)} | ${spread(seconds, 2)} | ${ratio[0]} | ${ratio[1]} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function spread(values: readonly number[], digits: number): string {
  return `${Math.min(...values).toFixed(digits)} - ${Math.max(...values).toFixed(digits)}`;
}

import { expect } from 'vitest';
import type { CliResult } from './run-cli.ts';

/** A command that has to end with 0; if it does not, what it said is shown. */
export async function fine(running: Promise<CliResult>): Promise<CliResult> {
  const result = await running;
  expect(result, `${result.stdout}\n${result.stderr}`).toMatchObject({ exitCode: 0 });
  return result;
}

import { textOutput } from './io.ts';
import { runCli } from './program.ts';
import { stopOnSignals } from './signals.ts';

void runCli({
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: textOutput(process.stdout),
  stderr: textOutput(process.stderr),
  signal: stopOnSignals((code) => process.exit(code)),
}).then((exitCode) => {
  process.exitCode = exitCode;
});

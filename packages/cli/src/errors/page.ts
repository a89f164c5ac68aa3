import { syncErrorCodes } from '@ubos/sync-core';
import { adviceByCode } from './advice.ts';

/** docs/errors.md: a heading for each code. */
export function errorsPage(): string {
  const sections = syncErrorCodes.map((code) => {
    const { when, safe, todo } = adviceByCode[code];
    return `## ${code}\n\n${when}\n\n- **What is safe:** ${safe}\n- **What to do:** ${todo}\n`;
  });
  return `${introduction}\n${sections.join('\n')}`;
}

const introduction = `# Error codes

<!-- Written by packages/cli/scripts/write-error-docs.mjs from packages/cli/src/errors/advice.ts. -->

Codes are stable; messages are prose and may change. On a terminal an error says what happened, what is safe, what to do, and its code.
With \`--json\` it is a line \`{"type":"error","code":...,"message":...,"details":{...}}\`; problems of single paths are lines of type \`problem\` with a code
of this list, or with the name of the system's own error (\`EACCES\`, \`ENOSPC\`, ...). The code of a halt is \`SYNC_\` and its reason in capitals:
\`mass-delete\` is \`SYNC_MASS_DELETE\`. Exit codes are in [cli.md](cli.md).
`;

import { describe, expect, it } from 'vitest';
import { launchCommand } from './launcher.ts';

const request = { nonce: 'c0ffee', sha256: 'a'.repeat(64), sizeBytes: 12 };

describe('launchCommand', () => {
  it('holds nothing that a login shell could read in its own way', () => {
    const command = launchCommand({ ...request, node: '~/bin/node' });
    const quoted = command.match(/'[^']*'/g) ?? [];
    expect(quoted).toHaveLength(3);
    // Outside of quotes plain words; inside nothing that bash, zsh, fish or csh treats specially in single quotes.
    expect(command.replaceAll(/'[^']*'/g, '')).toMatch(/^[A-Za-z0-9 /_-]+$/);
    expect(quoted.join('').replaceAll("'", '')).not.toMatch(/[\\!\n\r`]/);
  });

  it('does not grow unnoticed: tcsh takes words of a few KiB', () => {
    const words = launchCommand(request).match(/'[^']*'|\S+/g) ?? [];
    expect(Math.max(...words.map((word) => word.length))).toBeLessThan(2_048);
  });

  it.each(['node', '../node', '~bob/node', "/x'y", '/x"y', '/x\\y', '/x\ny', '/x!y', '/x$y', '/x`y', '/x;y'])(
    'refuses %j as the path of Node',
    (node) => {
      expect(() => launchCommand({ ...request, node })).toThrow('cannot be used as the path of Node');
    },
  );
});

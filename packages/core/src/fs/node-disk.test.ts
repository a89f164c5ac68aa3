import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import { describeDisk } from '../testing/describe-disk.ts';
import { createNodeDisk } from './node-disk.ts';
import { asNobody } from './test-support/as-nobody.ts';

const onLinux = process.platform === 'linux';

// The way by path runs here, too, so that what is written for other systems is executed where there is `/proc`.
for (const procFs of onLinux ? [true, false] : [false]) {
  describeDisk(
    `node disk, children by ${procFs ? 'descriptor' : 'path'},`,
    () => {
      const folder = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'ubos-disk-'));
      const openBefore = openDescriptors();
      return {
        disk: createNodeDisk({ procFs }),
        path: folder,
        followsMoves: procFs,
        tick: () => nextTick(folder),
        // File systems outside Linux refuse names that are not UTF-8.
        ...(onLinux && { makeOther: (name: string | Uint8Array, kind: 'file' | 'other') => makeOther(folder, name, kind) }),
        close() {
          const left = openDescriptors() - openBefore;
          execFileSync('rm', ['-rf', folder]);
          return left;
        },
      };
    },
    {
      describe,
      expect,
      // Root may do everything. What is refused to others is tried by one of them.
      it: (name, body) => it(name, () => (name.includes('its user may not') ? asNobody(body) : body())),
    },
  );

  describe(`node disk, children by ${procFs ? 'descriptor' : 'path'}`, () => {
    let folder: string;
    let disk: Disk;
    let root: DiskDirectory;

    beforeEach(() => {
      folder = fs.mkdtempSync(join(fs.realpathSync(tmpdir()), 'ubos-disk-'));
      disk = createNodeDisk({ procFs });
      root = mustOpen(disk, folder);
    });

    afterEach(() => {
      root.close();
      fs.rmSync(folder, { recursive: true });
    });

    it('says what Node says', () => {
      fs.writeFileSync(join(folder, 'file'), 'three');
      const { ctimeNs, dev, ino, uid, gid } = fs.lstatSync(join(folder, 'file'), { bigint: true });
      expect(root.lstat('file')).toMatchObject({ ctimeNs, dev, ino, uid: Number(uid), gid: Number(gid) });
    });

    it('changes what others see', () => {
      root.makeDirectory('sub', 0o700);
      const sub = root.openDirectory('sub');
      fs.writeFileSync(join(folder, 'a'), 'content', { mode: 0o640 });
      root.rename('a', sub, 'b');
      sub.copyFile('b', root, 'copied');
      root.symlink('made', '../target');
      sub.close();
      expect(fs.readFileSync(join(folder, 'sub/b'), 'utf8')).toBe('content');
      expect(fs.readFileSync(join(folder, 'copied'), 'utf8')).toBe('content');
      expect(fs.readlinkSync(join(folder, 'made'))).toBe('../target');
    });

    it('fails to list a directory that somebody else has removed', () => {
      fs.mkdirSync(join(folder, 'sub'));
      const sub = root.openDirectory('sub');
      fs.rmdirSync(join(folder, 'sub'));
      expect(() => sub.list()).toThrow(expect.objectContaining({ code: expect.stringMatching(/^(ENOENT|ESTALE)$/) }));
      sub.close();
    });
  });
}

function mustOpen(disk: Disk, path: string): DiskDirectory {
  const directory = disk.openRoot(path);
  if (directory === undefined) throw new Error(`nothing at ${path}`);
  return directory;
}

/** Until the file system's clock has gone on: kernels stamp with that of their timer. */
async function nextTick(folder: string): Promise<void> {
  const probe = `${folder}.tick`;
  const stamp = (): bigint => {
    fs.writeFileSync(probe, '');
    return fs.statSync(probe, { bigint: true }).mtimeNs;
  };
  for (const first = stamp(); stamp() === first; ) await new Promise((resolve) => setImmediate(resolve));
  fs.unlinkSync(probe);
}

function makeOther(folder: string, name: string | Uint8Array, kind: 'file' | 'other'): void {
  if (kind === 'other') execFileSync('mkfifo', [join(folder, String(name))]);
  else fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name as Uint8Array)]), '');
}

function openDescriptors(): number {
  return onLinux ? fs.readdirSync('/proc/self/fd').length : 0;
}

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk, DiskDirectory } from '../engine/disk.ts';
import type { ReplicaId } from '../engine/replica.ts';
import { type Marker, makeMarker, readMarker } from './marker.ts';
import { createMarkerMirror, defaultMirrorPath } from './marker-mirror.ts';
import { createNodeDisk } from './node-disk.ts';
import { failingDisk, stoppingDisk } from './test-support/faulty-disk.ts';
import { wrapDisk } from './test-support/wrapped-disk.ts';

const one: Marker = { id: '00000000-0000-4000-8000-000000000001' as ReplicaId, fileSystemType: 0xef53 };
const other: Marker = { id: '00000000-0000-4000-8000-000000000002' as ReplicaId, fileSystemType: 0xef53 };

let base: string;
let path: string;
let folder: DiskDirectory;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'ubos-marker-'));
  path = join(base, 'state');
  folder = makeAndOpen(path);
});

afterEach(() => {
  folder.close();
  rmSync(base, { recursive: true });
});

describe('marker', () => {
  it('is what was made first, for everybody', async () => {
    expect(readMarker(folder)).toEqual({ state: 'absent' });
    expect(await makeMarker(folder, one)).toEqual(one);
    expect(await makeMarker(folder, other)).toEqual(one);
    expect(readMarker(folder)).toEqual({ state: 'present', marker: one });
    expect(readdirSync(path)).toEqual(['replica.json']);
  });

  it('is one, when two make it in the same moment', async () => {
    // The second comes in at each call of the first.
    for (let at = 1; ; at++) {
      rmSync(join(path, 'replica.json'), { force: true });
      let calls = 0;
      let second: Promise<Marker> | undefined;
      const cut = mustOpen(
        wrapDisk(createNodeDisk(), () => {
          if (++calls === at) second = makeMarker(folder, other);
        }),
        path,
      );
      const first = await makeMarker(cut, one);
      cut.close();
      expect(readMarker(folder)).toEqual({ state: 'present', marker: first });
      if (second === undefined) return;
      expect(await second).toEqual(first);
    }
  });

  it('is whole or absent, wherever its making was stopped', async () => {
    for (let stop = 1; ; stop++) {
      for (const name of readdirSync(path)) rmSync(join(path, name));
      const stopped = mustOpen(stoppingDisk(createNodeDisk(), stop, true), path);
      const made = await makeMarker(stopped, one).catch(() => undefined);
      stopped.close();
      const found = readMarker(folder);
      expect(found.state === 'absent' || found.state === 'present').toBe(true);
      const again = await makeMarker(folder, other);
      expect(again).toEqual(found.state === 'present' ? one : other);
      if (made !== undefined) return;
    }
  });

  for (const [title, content] of [
    ['empty', ''],
    ['cut', '{ "format": 1, "repl'],
    ['not UTF-8', Buffer.from([0xff, 0xfe])],
    ['no object', 'null'],
    ['without an id', '{"format":1,"fileSystem":1}'],
    ['with an id that would be another path', '{"format":1,"replica":"../x","fileSystem":1}'],
  ] as const) {
    it(`that is damaged (${title}) counts as none, and is replaced by the next one`, async () => {
      writeFileSync(join(path, 'replica.json'), content);
      expect(readMarker(folder).state).toBe('damaged');
      expect(await makeMarker(folder, one)).toEqual(one);
      expect(readMarker(folder)).toEqual({ state: 'present', marker: one });
    });
  }

  it('of a newer program is not touched', async () => {
    writeFileSync(join(path, 'replica.json'), '{"format":2,"whatever":true}');
    expect(() => readMarker(folder)).toThrow(expect.objectContaining({ code: 'SYNC_ARCHIVE_NEWER' }) as Error);
    await expect(makeMarker(folder, one)).rejects.toMatchObject({ code: 'SYNC_ARCHIVE_NEWER' });
    expect(readFileSync(join(path, 'replica.json'), 'utf8')).toContain('whatever');
  });
});

describe('mirror', () => {
  const root = { path: '/srv/janus/repo', inode: 7n, bornNs: 1_700_000_000_123_456_789n };

  it('tells a root that lost its marker from one that was never synced', async () => {
    const mirror = createMarkerMirror(createNodeDisk(), join(base, 'deep/er/mirror'));
    expect(await mirror.find(root.path)).toBeUndefined();
    expect(await mirror.remember(root, one)).toBe(true);
    expect(await mirror.find(root.path)).toEqual({ ...root, replica: one.id });
    expect(await mirror.find('/srv/janus/other')).toBeUndefined();
    expect(readFileSync(join(base, 'deep/er/mirror/replicas', one.id, 'replica.json'), 'utf8')).toContain(one.id);
  });

  it('writes nothing that it knows', async () => {
    const disk = stoppingDisk(createNodeDisk(), 0);
    const mirror = createMarkerMirror(disk, join(base, 'mirror'));
    await mirror.remember(root, one);
    const before = disk.writes();
    await mirror.remember(root, one);
    expect(disk.writes()).toBe(before);
    await mirror.remember(root, other);
    expect(await mirror.find(root.path)).toEqual({ ...root, replica: other.id });
    for (const anew of [
      { ...root, inode: 8n },
      { ...root, bornNs: undefined },
    ]) {
      await mirror.remember(anew, other);
      expect(await mirror.find(root.path)).toEqual({ ...anew, replica: other.id });
    }
  });

  it('keeps a copy of an archive, and forgets it with the archive', async () => {
    const mirror = createMarkerMirror(createNodeDisk(), join(base, 'mirror'));
    const copy = join(base, 'mirror/replicas', one.id, 'a.archive');
    writeFileSync(join(path, 'a.archive'), 'first');
    expect(await mirror.keep(one.id, folder, 'a.archive')).toBe(true);
    expect(readFileSync(copy, 'utf8')).toBe('first');
    writeFileSync(join(path, 'a.archive'), 'second');
    expect(await mirror.keep(one.id, folder, 'a.archive')).toBe(true);
    expect(readFileSync(copy, 'utf8')).toBe('second');
    rmSync(join(path, 'a.archive'));
    expect(await mirror.keep(one.id, folder, 'a.archive')).toBe(true);
    expect(readdirSync(join(base, 'mirror/replicas', one.id))).toEqual([]);
  });

  it('never stands in the way: what cannot be written is said, what cannot be read is not known', async () => {
    for (const errno of ['EACCES', 'ENOSPC', 'EROFS']) {
      const mirror = createMarkerMirror(failingDisk(createNodeDisk(), 1, errno), join(base, `mirror-${errno}`));
      expect(await mirror.remember(root, one)).toBe(false);
    }
    const onFile = createMarkerMirror(createNodeDisk(), join(path, 'file'));
    writeFileSync(join(path, 'file'), '');
    expect(await onFile.find(root.path)).toBeUndefined();
    expect(await onFile.remember(root, one)).toBe(false);
  });

  it('is not believed where others could have written it', async () => {
    const mirror = createMarkerMirror(createNodeDisk(), join(base, 'mirror'));
    await mirror.remember(root, one);
    const there = mirror.open(one.id);
    expect(there && readMarker(there)).toEqual({ state: 'present', marker: one });
    there?.close();
    chmodSync(join(base, 'mirror/replicas', one.id), 0o770);
    expect(mirror.open(one.id)).toBeUndefined();
    expect(mirror.open(other.id)).toBeUndefined();
  });

  it('lives where the XDG base directory specification says', () => {
    expect(defaultMirrorPath({ XDG_STATE_HOME: '/s', HOME: '/home/u' })).toBe('/s/ubos-sync');
    expect(defaultMirrorPath({ XDG_STATE_HOME: 'relative', HOME: '/home/u' })).toBe('/home/u/.local/state/ubos-sync');
    expect(defaultMirrorPath({})).toBeUndefined();
  });
});

function makeAndOpen(at: string): DiskDirectory {
  const parent = mustOpen(createNodeDisk(), base);
  parent.makeDirectory('state', 0o700);
  parent.close();
  return mustOpen(createNodeDisk(), at);
}

function mustOpen(disk: Disk, at: string): DiskDirectory {
  const opened = disk.openRoot(at);
  if (opened === undefined) throw new Error(`no ${at}`);
  return opened;
}

/** A folder to be scanned, on the real disk, with every call seen. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Clock } from '../../engine/clock.ts';
import type { DiskDirectory } from '../../engine/disk.ts';
import type { ScanSettings } from '../../engine/settings.ts';
import { compileScope } from '../../scope/compile-scope.ts';
import { compilePermissionMasks } from '../../scope/permission-masks.ts';
import type { ScopeRules } from '../../scope/rules.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { Entry } from '../../tree/entry.ts';
import { entryAt } from '../../tree/lookup.ts';
import type { RelativePath } from '../../tree/path.ts';
import { type Hashing, loadHashing } from '../hasher.ts';
import { createNodeDisk } from '../node-disk.ts';
import { type ScanResult, type ScanTreeOptions, scanTree } from '../scan.ts';
import { createScanIndex, type ScanIndex } from '../scan-index.ts';
import { type Around, aroundDisk } from './around-disk.ts';

export interface ScanGround {
  readonly path: string;
  readonly root: DiskDirectory;
  readonly hashing: Hashing;
  /** Far ahead of the disk, so that nothing is racy unless a test says so. */
  readonly clock: Clock;
  index: ScanIndex;
  /** `call path`, since the last scan began. */
  readonly calls: string[];
  /** Set to change what comes of a call. */
  around: Around;
  write(path: string, text: string | Uint8Array, mode?: number): void;
  folder(path: string, mode?: number): void;
  link(path: string, target: string): void;
  at(...path: string[]): string;
  scan(options?: GroundScanOptions): Promise<ScanResult>;
  /** Calls of this kind since the last scan began, by path. */
  seen(...calls: readonly string[]): readonly string[];
  remove(): void;
}

export interface GroundScanOptions extends Partial<Omit<ScanTreeOptions, 'scope' | 'masks' | 'symlinks'>> {
  readonly rules?: Partial<ScopeRules> | undefined;
  readonly settings?: Partial<Omit<ScanSettings, 'scope' | 'digest'>> | undefined;
}

export async function createScanGround(): Promise<ScanGround> {
  // In memory where there is such a place: to remove 5,000 levels takes a disk ten seconds.
  const place = fs.existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const path = fs.mkdtempSync(join(fs.realpathSync(place), 'ubos-scan-'));
  const hashing = await loadHashing('fast');
  const clock = createTestClock(Date.now() + 3_600_000);
  const calls: string[] = [];
  const disk = aroundDisk(createNodeDisk(), (call, next) => {
    // Of a tree of 5,000 levels the record would be the most of the work.
    if (call.path.length < 1_000) calls.push(`${call.call} ${call.path}`);
    return ground.around(call, next);
  });
  const root = disk.openRoot(path);
  if (root === undefined) throw new Error(`nothing at ${path}`);
  const at = (...parts: string[]): string => join(path, ...parts);
  const ground: ScanGround = {
    path,
    root,
    hashing,
    clock,
    index: createScanIndex({ kind: 'fast', clock }),
    calls,
    around: (_, next) => next(),
    at,
    write(name, text, mode) {
      fs.mkdirSync(dirname(at(name)), { recursive: true });
      fs.writeFileSync(at(name), text);
      if (mode !== undefined) fs.chmodSync(at(name), mode);
    },
    folder(name, mode) {
      fs.mkdirSync(at(name), { recursive: true });
      if (mode !== undefined) fs.chmodSync(at(name), mode);
    },
    link(name, target) {
      fs.mkdirSync(dirname(at(name)), { recursive: true });
      fs.symlinkSync(target, at(name));
    },
    scan({ rules = {}, settings, ...rest } = {}) {
      calls.length = 0;
      const scope: ScopeRules = { include: [], exclude: [], guard: [], ...rules };
      const { symlinks, ...permissions } = { permissions: 'all', policies: [], symlinks: 'portable', ...settings } as const;
      return scanTree({
        directory: root,
        scope: compileScope(scope),
        masks: compilePermissionMasks(permissions),
        symlinks,
        index: ground.index,
        hashing,
        clock,
        ...rest,
      });
    },
    seen: (...kinds) => calls.filter((call) => kinds.some((kind) => call.startsWith(`${kind} `))).map((call) => call.slice(call.indexOf(' ') + 1)),
    remove() {
      root.close();
      // `rmSync` recurses, and a test's tree may be deeper than the call stack.
      execFileSync('rm', ['-rf', path]);
    },
  };
  return ground;
}

/** What a scanned tree holds at a path. */
export function entryOf({ root }: ScanResult, path: string): Entry | undefined {
  return entryAt(root, path as RelativePath);
}

/** Names of a directory's children. */
export function namesIn(entry: Entry | undefined): readonly string[] {
  return entry?.kind === 'directory' ? entry.children.map(({ name }) => name) : [];
}

export function openDescriptors(): number {
  return process.platform === 'linux' ? fs.readdirSync('/proc/self/fd').length : 0;
}

/** What a file system does to names and times, found out by asking it. The caller keeps the answers. */
import type { Clock } from '../engine/clock.ts';
import type { DiskDirectory, DiskFile } from '../engine/disk.ts';
import { isErrno } from '../engine/errno.ts';
import type { Folding } from '../scope/rules.ts';
import type { Stamping } from './scan-index.ts';

export interface ProbeFoldingOptions {
  /** Where a probe file may be made: the state folder. Without it nothing is written. */
  readonly writeIn?: DiskDirectory | undefined;
  /** For what could not be found out. Default: this machine's. */
  readonly platform?: string | undefined;
}

/**
 * Whether the file system of this directory takes names for the same that differ in case or Unicode form.
 *
 * A name that is there is asked for in another spelling; where none lends itself to that and writing is allowed, a probe file is. What stays unknown
 * is taken for what is usual, and to fold too much only guards more: Unicode form as case, and both on systems where that is the rule.
 * Some file systems (ext4) decide it folder by folder; the answer is for this one.
 */
export function probeFolding(directory: DiskDirectory, { writeIn, platform = process.platform }: ProbeFoldingOptions = {}): Folding {
  const names = new Set(directory.list().flatMap(({ name }) => name ?? []));
  let ignoresCase = askFor(directory, names, otherCase);
  let ignoresUnicodeForm = askFor(directory, names, otherForm);
  if (writeIn !== undefined && (ignoresCase === undefined || ignoresUnicodeForm === undefined)) {
    withProbeFile(writeIn, probeName, () => {
      const made = new Set([probeName]);
      ignoresCase ??= askFor(writeIn, made, otherCase);
      ignoresUnicodeForm ??= askFor(writeIn, made, otherForm);
    });
  }
  const usual = platform === 'darwin' || platform === 'win32';
  return { ignoresCase: ignoresCase ?? usual, ignoresUnicodeForm: ignoresUnicodeForm ?? (usual || ignoresCase === true) };
}

/**
 * How the file system stamps changes, found out with a probe file: `exact` if a handful of changes in a row, each looked at, have times that all differ.
 * Linux does so since 6.13 on the file systems named here (multigrain timestamps); elsewhere a change may be stamped by a machine that was not asked.
 */
export function probeStamping(folder: DiskDirectory, clock: Clock): Stamping {
  let exact = exactTypes.has(folder.statfs().type);
  let lastNs = 0n;
  withProbeFile(folder, probeName, (file) => {
    for (let turn = 0; turn < 16; turn++) {
      file.write(oneByte, 0);
      const { ctimeNs } = file.stat();
      if (ctimeNs <= lastNs) exact = false;
      lastNs = ctimeNs;
    }
  });
  const aheadMs = Number(lastNs) / 1e6 - clock.nowMs();
  // Within a tick it is the same clock.
  return { exact, aheadMs: Math.abs(aheadMs) < 20 ? 0 : aheadMs };
}

/** Starts with a dot and is removed at once; the letters have both cases, and the last one two forms. */
const probeName = '.Probe-\u00e9';
const oneByte = new Uint8Array(1);

/** By the magic numbers of `statfs`: ext4, XFS, Btrfs, tmpfs. */
const exactTypes: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994]);

/** Whether names are found in another spelling, too. `undefined`: no name that has one. */
function askFor(directory: DiskDirectory, names: ReadonlySet<string>, respell: (name: string) => string): boolean | undefined {
  for (const name of names) {
    const other = respell(name);
    if (other === name || names.has(other)) continue;
    const own = directory.lstat(name);
    // Gone meanwhile: it can answer nothing.
    if (own === undefined) continue;
    try {
      return directory.lstat(other)?.ino === own.ino;
    } catch (error) {
      // A name near the limit may be too long in another spelling. It can answer nothing either.
      if (!isErrno(error, 'ENAMETOOLONG')) throw error;
    }
  }
  return undefined;
}

function otherCase(name: string): string {
  return name.replace(/[a-z]/gi, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()));
}

function otherForm(name: string): string {
  const decomposed = name.normalize('NFD');
  return decomposed === name ? name.normalize('NFC') : decomposed;
}

function withProbeFile(folder: DiskDirectory, name: string, use: (file: DiskFile) => void): void {
  try {
    folder.unlink(name);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
  const file = folder.openFile(name, 'create');
  try {
    use(file);
  } finally {
    file.close();
    folder.unlink(name);
  }
}

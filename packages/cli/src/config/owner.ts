/**
 * Who can decide what a config says. A config names the host that we log in to and the files that may be replaced, so it is refused where somebody
 * else could have written it: git and OpenSSH hold their own files to the same rule.
 */
import { readFileSync, type Stats } from 'node:fs';

/** Why the file cannot be trusted; `undefined` if it can. Platforms without user ids have no such question. */
export function distrust(stat: Stats, uid: number | undefined = process.getuid?.()): string | undefined {
  if (uid === undefined) return undefined;
  // What root owns is trusted: root could do everything anyway.
  if (stat.uid !== uid && stat.uid !== 0) return `it belongs to user ${stat.uid}, and you are user ${uid}`;
  if ((stat.mode & 0o002) !== 0) return 'everybody can write to it';
  if ((stat.mode & 0o020) !== 0 && !isPrivateGroup(stat.gid, uid)) return `group ${stat.gid} can write to it`;
  return undefined;
}

/**
 * Whether nobody but this user is in the group. Debian, Ubuntu and Fedora give each user such a group and the umask 002,
 * so that a fresh clone there is writable for a group of one.
 */
function isPrivateGroup(gid: number, uid: number): boolean {
  try {
    const users = records('/etc/passwd');
    const names = new Set(users.filter((fields) => fields[2] === String(uid)).map((fields) => fields[0]));
    const others = users.some((fields) => fields[3] === String(gid) && fields[2] !== String(uid));
    const group = records('/etc/group').find((fields) => fields[2] === String(gid));
    const members = (group?.[3] ?? '').split(',').filter((member) => member !== '' && !names.has(member));
    return group !== undefined && !others && members.length === 0;
  } catch {
    return false;
  }
}

function records(path: string): readonly (readonly string[])[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
}

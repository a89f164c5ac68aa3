/**
 * What people are told about each error code: when it comes, what is safe, and what to do. The one source of the output of the CLI
 * and of docs/errors.md (`npm run docs:errors` writes that page, a test compares).
 */
import type { SyncErrorCode } from '@ubos/sync-core';

export interface Advice {
  /** When it comes. */
  readonly when: string;
  /** What did not happen, and what is as it was. */
  readonly safe: string;
  /** What to do. A `hint` in the details of an error is more precise and is shown instead. */
  readonly todo: string;
}

/** Also for codes that this program does not know, from a newer peer. */
export function adviceFor(code: SyncErrorCode): Advice {
  return (adviceByCode as Readonly<Record<string, Advice>>)[code] ?? adviceByCode.SYNC_PROTOCOL;
}

/** Also of every halt: it comes before the first change. */
export const untouched = 'Nothing was changed on either side.';
/** Of what may happen at any time of a run. */
const complete =
  'If the run had changed nothing yet, nothing was changed on either side. Otherwise every change that was made is complete, and no file is half-written.';
const continues = 'Every change that was reported as done is complete and on record; no file is half-written. The next run goes on from there.';
const onlyThisPath = 'This path was left as it is on both sides; what does not depend on it was done.';
const logUntouched = 'The local copy of the log was left as it is.';

export const adviceByCode: Readonly<Record<SyncErrorCode, Advice>> = {
  SYNC_USAGE: {
    when: 'The command line cannot be understood, or asks for something that the config does not have.',
    safe: untouched,
    todo: 'Look at `ubos-sync --help`, or at `ubos-sync COMMAND --help`.',
  },
  SYNC_CONFIG_INVALID: {
    when: 'The config cannot be read, is not YAML, or says something that has no meaning. Every mistake is named with its line and column.',
    safe: untouched,
    todo: 'Correct what is named. docs/config.md describes every key of ubos-sync.yaml.',
  },
  SYNC_CONFIG_MISSING: {
    when: 'No ubos-sync.yaml is in the working directory or above it, and none was named; or the one that was named is not there.',
    safe: untouched,
    todo: 'Go to the folder of the config, name it with --config or UBOS_SYNC_CONFIG, or write one with `ubos-sync init`.',
  },
  SYNC_CONFIG_UNTRUSTED: {
    when: 'Another user owns the config or can write to it, so somebody else could decide what is copied where.',
    safe: 'The config was not used. Nothing was changed on either side.',
    todo: 'Look at what it says; then make it yours: chown it to your user and `chmod go-w` it.',
  },
  SYNC_NOT_LIVE: {
    when: '--apply was given, but the config does not say `live: true`. Both keys are needed.',
    safe: untouched,
    todo: 'Look at the dry run (the same command without --apply). If it is right, set `live: true` in the config.',
  },
  SYNC_HOST_KEY_UNKNOWN: {
    when: 'The host is in no known_hosts file, and there was nobody to ask (or the answer was no).',
    safe: 'The connection was ended before any credential was sent.',
    todo: 'Compare the fingerprint with the one that the owner of the host gives you. Then connect once on a terminal and say yes, or give --accept-new-host-key.',
  },
  SYNC_HOST_KEY_CHANGED: {
    when: 'The host shows another key than the one in known_hosts. Either it was set up anew, or somebody stands in between.',
    safe: 'The connection was ended before any credential was sent.',
    todo: 'Ask the owner of the host. Only if the key was really changed: remove the old line (`ssh-keygen -R HOST`) and connect again.',
  },
  SYNC_HOST_KEY_REVOKED: {
    when: 'The host shows a key that a known_hosts file marks as @revoked.',
    safe: 'The connection was ended before any credential was sent.',
    todo: 'Do not connect. Ask the owner of the host which key is right.',
  },
  SYNC_KNOWN_HOSTS_UNREADABLE: {
    when: 'A known_hosts file is there but cannot be read, so no host key can be checked; or a new key cannot be added to it.',
    safe: 'The connection was ended before any credential was sent.',
    todo: 'Make the file readable for your user, or name another one in ssh_config (UserKnownHostsFile).',
  },
  SYNC_AUTH_FAILED: {
    when: 'The host took none of the keys (or passwords) that were offered.',
    safe: untouched,
    todo: 'Try `ssh -v` with the same host: the key has to be in authorized_keys there, and in the agent or in IdentityFile here.',
  },
  SYNC_KEY_UNUSABLE: {
    when: 'A key file cannot be read or decrypted, or is of a kind that this SSH client cannot use.',
    safe: untouched,
    todo: 'Load the key into an SSH agent, or name another one with IdentityFile in ssh_config.',
  },
  SYNC_SSH_CONFIG_UNSUPPORTED: {
    when: 'ssh_config has a directive for this host that changes where or as whom we connect, and that cannot be followed here. It is never ignored.',
    safe: 'Nothing was connected to.',
    todo: 'Give ubos-sync a Host entry without it, or another file (-F FILE, or UBOS_SYNC_SSH_CONFIG).',
  },
  SYNC_UNREACHABLE: {
    when: 'The host could not be found or did not answer.',
    safe: untouched,
    todo: 'Check name, port and network: `ssh` to the same host has to work. Then run again.',
  },
  SYNC_PEER_LOST: {
    when: 'The connection ended in the middle of a run.',
    safe: continues,
    todo: 'Run again when the connection is back.',
  },
  SYNC_PEER_TIMEOUT: {
    when: 'The other side did not answer in time.',
    safe: continues,
    todo: 'See whether the machine is overloaded or asleep, then run again.',
  },
  SYNC_PROTOCOL: {
    when: 'The other side sent something that is not allowed by the protocol.',
    safe: continues,
    todo: 'Make sure that nothing on the other side prints in non-interactive shells (.bashrc), and that both sides run the same version. Then run again.',
  },
  SYNC_PROTOCOL_VERSION: {
    when: 'The two sides speak versions of the protocol that have nothing in common.',
    safe: untouched,
    todo: 'Update the older side. Where a forced command runs the agent, update that one.',
  },
  SYNC_REMOTE_NODE_MISSING: {
    when: 'No Node.js of version 18 or later was found on the other side.',
    safe: untouched,
    todo: 'Install Node.js there, or name its program in the config: `nodes.NAME.node: /path/to/node`.',
  },
  SYNC_REMOTE_SHELL: {
    when: 'The login shell of the other side cannot run the launcher, or prints into it.',
    safe: untouched,
    todo: 'Make sure that `ssh HOST true` prints nothing and ends well; the account needs a POSIX shell.',
  },
  SYNC_REMOTE_NOT_WRITABLE: {
    when: 'On one side the folder of the tree, its state folder, or the cache folder for the agent cannot be written to.',
    safe: complete,
    todo: 'Check owner and mode of the folder that is named, and whether its file system is mounted read-only.',
  },
  SYNC_AGENT_DAMAGED: {
    when: 'The agent file on the other side is not what was uploaded: its digest differs.',
    safe: 'The file was not run. Nothing was changed in the tree on either side.',
    todo: 'Run again, it is uploaded anew. If it happens twice, look at who can write to the cache folder there.',
  },
  SYNC_ROOT_MISSING: {
    when: 'The folder of the tree is not there: not mounted, moved, or misspelt.',
    safe: complete,
    todo: 'Mount it, or correct the path in the config. A folder that is to be new has to be made by hand.',
  },
  SYNC_ROOT_KIND: {
    when: 'The root is not a folder, or it is on another kind of file system than before: probably an empty mount point.',
    safe: complete,
    todo: 'Mount the right file system, or correct the path in the config.',
  },
  SYNC_ROOT_EMPTIED: {
    when: 'One side had files when the two last agreed, and now has none at all.',
    safe: untouched,
    todo: 'If the files vanished by accident, bring them back. If all of them are to be deleted on the other side too, say so.',
  },
  SYNC_PATH_EMPTIED: {
    when: 'A path that the config includes had files when the two last agreed, and now has none at all on one side.',
    safe: untouched,
    todo: 'If the files vanished by accident, bring them back. If all of them are to be deleted on the other side too, say so.',
  },
  SYNC_MARKER_MISSING: {
    when: 'The root has lost its marker (.ubos-sync/replica.json): another folder is in its place, or it was cleaned (`git clean -fdx` does that).',
    safe: complete,
    todo: 'Make sure that it is the right folder. If it was cleaned, --restore-state takes the marker back from the mirror that its machine keeps; what was deleted with it is then a deletion like any other. --rejoin makes a union of both sides: nothing is deleted.',
  },
  SYNC_REPLICA_CHANGED: {
    when: 'The root is another copy than the one that this side knows: it was restored, copied or replaced.',
    safe: complete,
    todo: 'Make sure that it is the right folder. --rejoin then makes a union of both sides: nothing is deleted.',
  },
  SYNC_PEER_IS_SELF: {
    when: 'Both sides are the same tree, or one is a copy of the other together with its .ubos-sync folder.',
    safe: untouched,
    todo: 'Correct the address of the node. After copying a tree, remove .ubos-sync from the copy.',
  },
  SYNC_ROOTS_OVERLAP: {
    when: 'One root lies inside another one that is in use.',
    safe: untouched,
    todo: 'Exclude the inner one from the outer one (`truth.exclude`).',
  },
  SYNC_ARCHIVE_LOST: {
    when: 'One side has no record of what was last agreed, or an older one, or both have lost it; so a deletion cannot be told from a file that never was.',
    safe: untouched,
    todo: 'Where the record was removed or is damaged, --restore-state takes it back from the mirror of that machine; it counts if the other side proves that it is the last one. --rejoin makes a union of both sides: nothing is deleted, and files that were deleted on one side come back.',
  },
  SYNC_STATE_RESTORED: {
    when: 'A note: what a side had lost of its `.ubos-sync` folder was taken back from the mirror outside the root, as `--restore-state` asks for; in a dry run it would be.',
    safe: 'Marker and records are as the last run that was mirrored left them. No file of the tree was touched by this.',
    todo: 'Nothing. Look at what the run is about to delete before you apply it.',
  },
  SYNC_LOCK_TAKEN_OVER: {
    when: 'A note: the lock of a side was that of a run that is dead (its process is gone, or the machine was started anew, or it gave no sign of life for 45 s), and this run has taken it over.',
    safe: 'What the dead run had achieved is known from its journal; each file is old or new.',
    todo: 'Nothing. If you know of no run that was killed or cut off, look at the log of that run.',
  },
  SYNC_ARCHIVE_NEWER: {
    when: 'The record of what was last agreed was written by a newer version of this program.',
    safe: untouched,
    todo: 'Update ubos-sync on this side.',
  },
  SYNC_ARCHIVE_DAMAGED: {
    when: 'The record of what was last agreed does not match its checksum.',
    safe: complete,
    todo: 'Check the disk. --rejoin then makes a union of both sides: nothing is deleted.',
  },
  SYNC_SETTINGS_DIFFER: {
    when: 'The other end has set scope or policies of this pair in another way since. For an undo also: the config here says something else than in the last run.',
    safe: untouched,
    todo: 'Bring the two configs in line. Before an undo a plain run takes new settings over.',
  },
  SYNC_MASS_DELETE: {
    when: 'More files would be deleted than `truth.maxDelete` lets through.',
    safe: untouched,
    todo: 'Look at the list with a dry run. If it is right, allow it for one run.',
  },
  SYNC_MASS_CHANGE: {
    when: 'More files would be replaced than `truth.maxChange` lets through.',
    safe: untouched,
    todo: 'Look at the list with a dry run. If it is right, allow it for one run.',
  },
  SYNC_GATE_CLOSED: {
    when: 'A gate or an alignment holds this root, and it is not open now.',
    safe: complete,
    todo: 'Wait for the gate to open; the changes stay pending. Logs are still pulled.',
  },
  SYNC_LOCKED: {
    when: 'Another run holds one of the two roots, and did not end within --lock-wait (`status` does not wait at all); or this run stood still for so long that another has taken its root over.',
    safe: complete,
    todo: 'Wait for the other run, or give a longer --lock-wait. A lock never has to be deleted by hand: that of a dead process is taken over, also from another machine, which is known by its silence for 45 s.',
  },
  SYNC_NO_SPACE: {
    when: 'A disk has less room than the changes need.',
    safe: continues,
    todo: 'Make room on the side that is named, then run again. Kept versions in .ubos-sync/versions count, too.',
  },
  SYNC_READ_ONLY: {
    when: 'The agent on the other side serves its tree for reading only.',
    safe: 'Nothing was changed on either side.',
    todo: 'Let the agent there run without --read-only: a run that applies keeps its record on both sides, also with `direction: pull`. Dry runs and `logs` work as it is.',
  },
  SYNC_DENIED: {
    when: 'The user on that side may not read or write the path, or may not write to .ubos-sync (also where the file system is read-only), or the agent there does not offer it.',
    safe: `A path that has this problem was left as it is on both sides, and what does not depend on it was done. Of a run that ends with it: ${complete.charAt(0).toLowerCase()}${complete.slice(1)}`,
    todo: 'Correct owner or permissions on the side that is named, then run again.',
  },
  SYNC_OUT_OF_SCOPE: {
    when: 'A path was asked for that takes no part, by the rules of this side or of the other.',
    safe: onlyThisPath,
    todo: 'Look at include, exclude and guard in the configs of both sides.',
  },
  SYNC_IO: {
    when: 'A disk or file system gave an error.',
    safe: continues,
    todo: 'Check the disk on the side that is named, then run again.',
  },
  SYNC_NAME_NOT_UTF8: {
    when: 'A file has a name that is not UTF-8, so the other side could not be told of it.',
    safe: onlyThisPath,
    todo: 'Rename the file, or exclude its folder.',
  },
  SYNC_NAME_REFUSED: {
    when: 'The file system of one side does not take a name that the other side has: too long there, or reserved (on FAT, exFAT and NTFS among others `CON`, `a:b`, a dot at the end). Or a pattern of `logs` matches a file whose name cannot be that of a copy here: with control characters, or guarded everywhere.',
    safe: onlyThisPath,
    todo: 'Rename it, or exclude the path (of a log: name a narrower pattern). Names are never changed to make them fit.',
  },
  SYNC_TARGET_CHANGED: {
    when: 'A file was edited while the run was on, so it was not replaced.',
    safe: onlyThisPath,
    todo: 'Run again: the edit is then compared with the other side.',
  },
  SYNC_TARGET_OCCUPIED: {
    when: 'Something that takes no part in the sync stands where a file is to go.',
    safe: onlyThisPath,
    todo: 'Move it away, or exclude the path.',
  },
  SYNC_SOURCE_CHANGED: {
    when: 'A file changed while it was being sent, so what arrived was not used.',
    safe: onlyThisPath,
    todo: 'Run again. A file that is always written to belongs under `logs`.',
  },
  SYNC_CONTENT_MISMATCH: {
    when: 'What arrived does not have the digest that was announced, twice in one run, so it was not used.',
    safe: onlyThisPath,
    todo: 'Run again. If it comes back, check memory and disks on both sides.',
  },
  SYNC_DIRECTORY_KEPT: {
    when: 'A folder was to be deleted, but holds something that takes no part in the sync.',
    safe: 'What was synced in it is gone (and kept in versions), the rest and the folder stay.',
    todo: 'Nothing, or remove the folder by hand.',
  },
  SYNC_STATE_UNSAFE: {
    when: 'The state folder .ubos-sync is not what it should be: a link, owned or writable by somebody else, or its list of guards is damaged. Or there is a folder with something in it where its lock should be, or the audit folder is reached through a link.',
    safe: complete,
    todo: 'Look at owner and mode of .ubos-sync in the root that is named: it belongs to you, with mode 0700. Every folder on the way to the audit folder is a plain one. Remove a list of guards that is damaged; the next run with each config of that end writes it anew. Move a folder away that is in the place of the lock, once you know who made it.',
  },
  SYNC_LOG_MISSING: {
    when: 'The log is not there on the peer.',
    safe: logUntouched,
    todo: 'Correct `from` in the config, or wait until the log is written.',
  },
  SYNC_LOG_NOT_A_FILE: {
    when: 'What is named as a log is not a regular file: a folder, a link, a pipe. Or its target is reached through a link.',
    safe: logUntouched,
    todo: 'Name the file itself in `from` (or `to`). Every folder on the way to the target is a plain one.',
  },
  SYNC_LOG_LOCKED: {
    when: 'Another run is pulling the same log.',
    safe: logUntouched,
    todo: 'Wait for it to end.',
  },
  SYNC_LOG_FORKED: {
    when: 'A log that is followed without a copy (`logs --follow --print`, `followLog` of the library) is no continuation of the checkpoint: neither the log nor a generation of it that can be read has the bytes before it.',
    safe: 'Nothing was given out that does not follow what came before; nothing was written.',
    todo: 'See what happened to the log on the node: another file in its place, or a generation that was packed or removed. Then begin anew, from its start or from its end.',
  },
  SYNC_PLAN_DRIFTED: {
    when: 'A sealed plan was to be applied, but a path that it is about is not as it was any more on one side, or the config has other settings. The message names them; the details have up to 1,000 paths.',
    safe: untouched,
    todo: 'Make a new plan (the same command without --apply and --plan) and look at it.',
  },
  SYNC_PLAN_UNKNOWN: {
    when: 'No sealed plan has this id here, or more than one begins with it, or it was made for another node, profile or root. As a note: a plan was not kept, and why.',
    safe: untouched,
    todo: 'Take the id from the dry run. Plans are kept for 7 days, the last 100 of a root, at the end where the dry run was made.',
  },
  SYNC_PLAN_DAMAGED: {
    when: 'A sealed plan does not have the hash that is its name, or was written by another version of this program.',
    safe: untouched,
    todo: 'Make a new plan. If it happens twice, check the disk.',
  },
  SYNC_RUN_UNKNOWN: {
    when: 'A run was to be undone that neither side knows: the name is another one, or what it replaced is not kept any more. As a problem: one side knows it no more, so what it did there stays, and the other side alone is put back.',
    safe: untouched,
    todo: 'Look for the run in the audit (`audit.jsonl`); how long runs are kept is said by `versions` in the config.',
  },
  SYNC_NOT_UNDONE: {
    when: 'Something that a run did stays so in its undo: somebody has changed it since, or the content that it replaced is kept no more, or it is out of scope by now. The message says which.',
    safe: onlyThisPath,
    todo: 'Look at the path. What the run replaced is in `.ubos-sync/versions/content/` of that side for as long as versions are kept, each file named by the digest that `.ubos-sync/versions/RUN/manifest.jsonl` says.',
  },
  SYNC_INTERRUPTED: {
    when: 'The run was stopped: Ctrl-C, or SIGTERM.',
    safe: continues,
    todo: 'Run again to go on.',
  },
  SYNC_INTERNAL: {
    when: 'ubos-sync has a mistake in itself.',
    safe: 'No file is half-written: content is checked before it is put in place, and what was done is on record.',
    todo: 'Run again with --verbose and report what it prints.',
  },
};

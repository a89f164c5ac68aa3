/**
 * The local disk as a replica, as a log source and as a log sink.
 *
 * @packageDocumentation
 */
export type { Disk, DiskDirectory, DiskFile, DiskKind, DiskListing, DiskStat } from './disk.ts';
export { createFsReplica, type FsReplicaOptions } from './fs-replica.ts';
export { createFsLogSink, type FsLogSinkOptions } from './log-file-sink.ts';
export { createFsLogSource, type FsLogSourceOptions } from './log-file-source.ts';
export { defaultMirrorPath } from './marker-mirror.ts';
export { createNodeDisk } from './node-disk.ts';
export { makeStateFolder, openStateFolder, type StateFolder, type StateFolderOptions, type StateSubfolder, stateFolderName } from './state-folder.ts';
export { systemClock } from './system-clock.ts';
export type { Retention } from './versions.ts';

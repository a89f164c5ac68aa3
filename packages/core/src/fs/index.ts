/**
 * The local disk as a replica, as a log source and as a log sink.
 *
 * @packageDocumentation
 */
export type { Disk, DiskDirectory, DiskFile, DiskKind, DiskListing, DiskStat } from './disk.ts';
export { createFsReplica, type FsReplicaOptions } from './fs-replica.ts';
export { createNodeDisk } from './node-disk.ts';
export { systemClock } from './system-clock.ts';
export { createFsLogSink, type FsLogSinkOptions } from './log-file-sink.ts';
export { createFsLogSource, type FsLogSourceOptions } from './log-file-source.ts';
export type { Retention } from './versions.ts';
export { defaultMirrorPath } from './marker-mirror.ts';

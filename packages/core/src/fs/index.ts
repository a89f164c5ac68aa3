/**
 * The local disk as a replica, as a log source and as a log sink.
 *
 * @packageDocumentation
 */

export type { Disk, DiskDirectory, DiskFile, DiskKind, DiskListing, DiskStat } from '../engine/disk.ts';
export { type CacheFamily, codeName, defaultCacheFolder, readCode, sealCode, storeInCache } from './cache-folder.ts';
export { createFsReplica, type FsReplicaOptions } from './fs-replica.ts';
export { type Hasher, type Hashing, loadHashing } from './hasher.ts';
export { createFsLogSink, type FsLogSinkOptions, readFsLogCheckpoint } from './log-file-sink.ts';
export { createFsLogSource, type FsLogSourceOptions } from './log-file-source.ts';
export { type LogNamesOptions, listFsLogNames } from './log-names.ts';
export { defaultMirrorPath } from './marker-mirror.ts';
export { createNodeDisk, type NodeDiskOptions } from './node-disk.ts';
export { createFsPlanStore, type FsPlanStoreOptions } from './plan-store.ts';
export { type PairRecord, type RootRecord, readRootRecord } from './root-record.ts';
export { type ScanNotice, type ScanResult, type ScanTreeOptions, scanTree } from './scan.ts';
export { createScanIndex, type IndexRecord, type ScanIndex, type ScanIndexOptions, type Stamping } from './scan-index.ts';
export { loadScanIndex, saveScanIndex } from './scan-index-file.ts';
export { makeStateFolder, openStateFolder, type StateFolder, type StateFolderOptions, type StateSubfolder, stateFolderName } from './state-folder.ts';
export { systemClock } from './system-clock.ts';
export type { Retention } from './versions.ts';

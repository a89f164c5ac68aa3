/**
 * For people who bring their own replica: acceptance suites, trees, arbitraries, a replica in memory, a disk that is simulated.
 *
 * @packageDocumentation
 */

export { applyEdit, type Edit, type RelatedTrees, type TreeArbitraries, treeArbitraries } from './arbitraries.ts';
export { type DiskUnderTest, describeDisk } from './describe-disk.ts';
export { describeLogSource, type LogSourceUnderTest } from './describe-log-source.ts';
export { describeReplica } from './describe-replica.ts';
export {
  createMemoryDisk,
  getMemoryNode,
  listMemoryDisk,
  type MemoryDisk,
  makeMemoryDirectory,
  makeMemoryLink,
  makeMemorySpecial,
  readMemoryFile,
  removeMemoryNode,
  writeMemoryFile,
} from './memory-disk.ts';
export {
  createMemoryLogFile,
  createMemoryLogSink,
  createMemoryLogSource,
  type MemoryLogFile,
  type MemoryLogSink,
  type MemoryLogSource,
} from './memory-log.ts';
export { createMemoryReplica, type MemoryReplicaOptions } from './memory-replica.ts';
export { createRandom, type Random } from './random.ts';
export type { ReplicaUnderTest } from './replica-laws/subject.ts';
export { createSimulatedDisk, type SimulatedDisk } from './simulated-disk.ts';
export type { SimulatedCall, SimulatedDiskOptions, SimulatedUser } from './simulated-machine.ts';
export { createTestClock, type TestClock } from './test-clock.ts';
export type { TestMatchers, TestRunner } from './test-runner.ts';
export { toyHash } from './toy-hash.ts';
export { type DirOptions, dir, file, link, problematic, untracked } from './trees.ts';

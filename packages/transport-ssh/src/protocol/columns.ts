/** Lists of numbers as bytes: doubles and 32-bit indexes, little endian. */

export function doublesToBytes(numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(numbers.length * 8);
  for (const [index, number] of numbers.entries()) bytes.writeDoubleLE(number, index * 8);
  return bytes;
}

/** Byte positions and sizes; `undefined` if one of them is none. */
export function bytesToOffsets(bytes: Buffer): readonly number[] | undefined {
  const offsets: number[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    const offset = bytes.readDoubleLE(at);
    if (!Number.isSafeInteger(offset) || offset < 0) return undefined;
    offsets.push(offset);
  }
  return offsets;
}

export function indexesToBytes(indexes: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(indexes.length * 4);
  for (const [at, index] of indexes.entries()) bytes.writeUInt32LE(index, at * 4);
  return bytes;
}

export function bytesToIndexes(bytes: Buffer): readonly number[] {
  const indexes: number[] = [];
  for (let at = 0; at < bytes.length; at += 4) indexes.push(bytes.readUInt32LE(at));
  return indexes;
}

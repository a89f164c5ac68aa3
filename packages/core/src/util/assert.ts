/** Stops on a bug: something that this program promised itself does not hold. The message is built only then. Nobody catches this. */
export function assert(condition: unknown, message: () => string): asserts condition {
  if (!condition) throw new AssertionError(message());
}

/** Proves to the compiler that a switch is exhaustive where nothing is returned. */
export function assertNever(value: never): never {
  throw new AssertionError(`unexpected value ${JSON.stringify(value)}`);
}

export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

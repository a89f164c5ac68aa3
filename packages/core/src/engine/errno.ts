/** Whether a failed disk call says one of these, by the system's own names: `isErrno(error, 'ENOENT')`. */
export function isErrno(error: unknown, ...names: readonly string[]): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' && names.includes(error.code);
}

/** A failure like those that Node throws for a system call; for what a disk finds out by itself. */
export function errnoError(name: string, message: string): Error & { readonly code: string } {
  return Object.assign(new Error(`${name}: ${message}`), { code: name });
}

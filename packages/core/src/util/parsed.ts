/** What a `parseX` returns: a value that may be believed from here on, or why not. For untrusted input (wire, disk, command line). */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

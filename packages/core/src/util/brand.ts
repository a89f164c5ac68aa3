/** A type that a plain `T` is not: made in one place (a `parseX` or `xToY`), believed everywhere else. */
export type Brand<T, Tag extends string> = T & { readonly [brand]: Tag };

declare const brand: unique symbol;

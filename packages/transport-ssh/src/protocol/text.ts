/**
 * Text of a peer, made fit for a terminal, a log and JSON: control characters, line separators, marks that turn the direction of writing and lone surrogates
 * are shown by their number, and no more than `lengthMax` characters are kept.
 */
export function escapeText(text: string, lengthMax: number): string {
  const escaped = text.slice(0, lengthMax + 1).replace(unprintable, (character) => {
    const point = character.codePointAt(0) ?? 0;
    return point < 0x100 ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u{${point.toString(16)}}`;
  });
  if (escaped.length <= lengthMax) return escaped;
  // Half of a surrogate pair is not left behind.
  return `${escaped.slice(0, lengthMax - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Surrogate}\ufeff]/gu;

/** The first lines of what a remote shell printed. */
export function escapeLines(bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 4096)).toString('utf8');
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  return lines.slice(0, 10).map((line) => escapeText(line.trimEnd(), 200));
}

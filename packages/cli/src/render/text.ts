/** Text for people: names made harmless, sizes and durations in words, prose cut into lines. */
import stringWidth from 'fast-string-width';

/** A name as it may be printed: {@link printableText}, and a backslash of its own is doubled, so that no name looks like the escape of another one. */
export function printable(name: string): string {
  return printableText(name.replaceAll('\\', '\\\\'));
}

/**
 * Prose as it may be printed: control characters, marks that turn the direction of text, and halves of characters are written as escapes,
 * so that a file name can neither move the cursor nor hide what follows it.
 */
export function printableText(text: string): string {
  return text.replace(unprintable, (character) => shortEscapes.get(character) ?? escapeOf(character));
}

const unprintable = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/gu;

const shortEscapes: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function escapeOf(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}

/** `0 B`, `340 B`, `1.2 kB`, `579 MB`: three digits at most, thousands. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes / 1000;
  let unit = 0;
  // 999.5 and more would be shown as 1000.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/** `12 ms`, `1.2 s`, `3 min 20 s`, `2 h 5 min`, `3 days`. */
export function formatDuration(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(minutes / 60 / 24)} days`;
}

/** `1 path`, `2 paths`, `1,234 paths`. */
export function counted(count: number, singular: string, plural: string = `${singular}s`): string {
  return `${formatCount(count)} ${count === 1 ? singular : plural}`;
}

/** With commas between the thousands, in every locale. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** Breaks prose at its spaces. The first line starts with `first`, the others are indented by its width. A word longer than the line stays whole. */
export function wrap(text: string, columns: number, first = ''): string {
  const indent = ' '.repeat(stringWidth(first));
  const lines: string[] = [];
  for (const paragraph of text.split('\n')) {
    let line = lines.length === 0 ? first : indent;
    let isEmpty = true;
    for (const word of paragraph.split(' ')) {
      if (!isEmpty && stringWidth(line) + 1 + stringWidth(word) > columns) {
        lines.push(line);
        line = indent;
        isEmpty = true;
      }
      line += isEmpty ? word : ` ${word}`;
      isEmpty = false;
    }
    lines.push(line);
  }
  return lines.join('\n');
}

/** Cuts a path in its middle, so that it fits: the end of a path says most. For displays that move on, never for results. */
export function shorten(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  const characters = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  const head = Math.floor((columns - 1) / 3);
  let headEnd = head;
  while (stringWidth(characters.slice(0, headEnd).join('')) > head) headEnd--;
  const start = characters.slice(0, headEnd).join('');
  let end = characters.slice(headEnd);
  while (end.length > 0 && stringWidth(start) + 1 + stringWidth(end.join('')) > columns) end = end.slice(1);
  return `${start}…${end.join('')}`;
}

/** OpenSSH's patterns, as in `Host` lines and in known_hosts: `*`, `?`, lists with `!`. ssh_config(5), PATTERNS. */

/** OpenSSH's pattern list: one that matches decides for it, a negated one that matches decides against it, whatever the order. */
export function matchesList(patterns: readonly string[], subject: string): boolean {
  const text = subject.toLowerCase();
  let found = false;
  for (const pattern of patterns) {
    const negated = pattern.startsWith('!');
    if (!matchesWildcard((negated ? pattern.slice(1) : pattern).toLowerCase(), text)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

/** `*` and `?`, everything else literal. Linear in each: remembers only the last star, so that no pattern makes it slow. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      star = p;
      resume = t;
      p += 1;
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1;
      t += 1;
    } else if (star !== -1) {
      p = star + 1;
      resume += 1;
      t = resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p += 1;
  return p === pattern.length;
}

import { join } from 'node:path';

/**
 * Our folder among those that a user's programs have (XDG Base Directory Specification): in the one that `chosen` names, else in the usual one of the home
 * folder. A path that is not absolute names nothing. `undefined`: for a user without a home.
 */
export function userFolder(chosen: string | undefined, home: string | undefined, usual: '.cache' | '.local/state'): string | undefined {
  if (chosen?.startsWith('/')) return join(chosen, 'ubos-sync');
  return home?.startsWith('/') ? join(home, usual, 'ubos-sync') : undefined;
}

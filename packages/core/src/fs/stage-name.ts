import { isContentName } from './content-name.ts';

/** Of a content that is not complete. Everything else in the staging folder is a content, or a temporary name of this process. */
export const partSuffix = '.part';
export const folderSuffix = '.folder';

/** Whether this program gave this name: only such names are cleaned up. */
export function isStagingName(name: string): boolean {
  return isContentName(name.endsWith(partSuffix) ? name.slice(0, -partSuffix.length) : name) || /^temp-\d+(?:\.folder)?$/.test(name);
}

/**
 * ubos-sync over SSH.
 *
 * @packageDocumentation
 */
export { type LocalPath, parseRemoteUrl, type RemoteUrl, type SshUrl } from './ssh/url.ts';

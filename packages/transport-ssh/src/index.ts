/**
 * ubos-sync over SSH.
 *
 * @packageDocumentation
 */
export { type AgentBundle, readAgentBundle } from './agent/bundle.ts';
export { type ServeAgentOptions, serveAgent } from './agent/serve-agent.ts';
export { type StandardStreams, takeStandardStreams } from './agent/stdio.ts';
export { type ConnectSshOptions, connectSsh, type SshConnection, type SshHostFacts } from './connect-ssh.ts';
export type { HostKeyQuestion, PassphraseQuestion, ServerQuestion, SshPrompts } from './ssh/prompts.ts';
export { type LocalPath, parseRemoteUrl, type RemoteUrl, type SshUrl } from './ssh/url.ts';

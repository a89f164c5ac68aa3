import { SyncError } from '@ubos/sync-core';
import { type LogNamesMessage, logNamesPerPage } from './messages/answers.ts';
import type { RequestOf } from './messages/requests.ts';
import type { ServeOptions } from './serve-options.ts';
import type { WireStream } from './wire-stream.ts';

export async function answerLogList(
  { folder, pattern }: RequestOf<'log-list'>,
  stream: WireStream,
  logNames: ServeOptions['logNames'],
): Promise<void> {
  if (logNames === undefined) throw new SyncError('SYNC_DENIED', 'no logs are given away here');
  const names = await logNames(folder, pattern);
  for (let at = 0; at < names.length; at += logNamesPerPage) {
    const message: LogNamesMessage = { type: 'log-names', names: names.slice(at, at + logNamesPerPage) };
    await stream.send(message);
  }
}

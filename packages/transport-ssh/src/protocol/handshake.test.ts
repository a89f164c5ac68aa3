import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { encodeMessage } from './codec.ts';
import { connectOver } from './connect.ts';
import { serve } from './serve.ts';
import { createCrumbler, createDuplexPair } from './test-support/duplex-pair.ts';
import { createManualClock } from './test-support/manual-clock.ts';
import { createUnopenedReplica } from './test-support/unopened-replica.ts';
import { engineVersion, protocolVersion } from './version.ts';

const served = { replica: createUnopenedReplica };

describe('handshake', () => {
  it('tells each side what the other is', async () => {
    const { here, there } = createDuplexPair();
    const serving = serve(there, { ...served, services: { who: (_request, { peer }) => Promise.resolve(peer) } });
    const connection = await connectOver(here);
    expect(connection.peer).toMatchObject({ engineVersion, nodeVersion: process.version, platform: process.platform, features: [] });
    expect(await connection.service('who').call(null)).toEqual(connection.peer);
    await connection.close();
    await serving;
  });

  it('is found behind whatever a shell prints, byte by byte', async () => {
    const { here, there } = createDuplexPair(() => createCrumbler());
    there.writable.write('Welcome to balaur!\r\n\u001b[31mLast login: today\u001b[0m\n');
    there.writable.write(Buffer.from('\0ubosyn!0123456789abcdef\0\0\0\x10 hello of another day', 'latin1'));
    const serving = serve(there, served);
    const connection = await connectOver(here);
    expect(connection.peer.engineVersion).toBe(engineVersion);
    await connection.close();
    await serving;
  });

  it('tells what comes up to it, as it comes', async () => {
    for (const between of [undefined, () => createCrumbler()]) {
      const { here, there } = createDuplexPair(between);
      const heard: Buffer[] = [];
      const connecting = connectOver(here, { onPreamble: (bytes) => heard.push(Buffer.from(bytes)) });
      there.writable.write('need missing\n');
      const serving = serve(there, served);
      const connection = await connecting;
      const text = Buffer.concat(heard).toString('latin1');
      // The chunk that completes the hello is told whole.
      expect(text.startsWith('need missing\n\0ubosyn!')).toBe(true);
      expect(text.length).toBeLessThan(400);
      await connection.close();
      await serving;
    }
  });

  it('is found at the end of 64 KiB of noise', async () => {
    const { here, there } = createDuplexPair();
    there.writable.write(Buffer.alloc(64 * 1024, 'x'));
    const serving = serve(there, served);
    const connection = await connectOver(here);
    await connection.close();
    await serving;
  });
});

describe('noisy shell', () => {
  it('that never stops is named with its first lines, escaped', async () => {
    const { here, there } = createDuplexPair();
    there.readable.resume();
    const connecting = connectOver(here);
    there.writable.write('\u001b]0;owned\u0007hello\nsecond line\n');
    there.writable.write(Buffer.alloc(70 * 1024, 'x\n'));
    await expect(connecting).rejects.toMatchObject({
      code: 'SYNC_REMOTE_SHELL',
      details: { output: expect.arrayContaining(['\\x1b]0;owned\\x07hello', 'second line']) as string[] },
    });
  });

  it('that prints and ends is named, too', async () => {
    const { here, there } = createDuplexPair();
    there.readable.resume();
    const connecting = connectOver(here);
    there.writable.end('This account is currently not available.\n');
    await expect(connecting).rejects.toMatchObject({ code: 'SYNC_REMOTE_SHELL', details: { output: ['This account is currently not available.'] } });
  });

  it('that prints and then waits is given a minute of our own', async () => {
    const clock = createManualClock();
    const { here, there } = createDuplexPair();
    there.readable.resume();
    const connecting = connectOver(here, { clock });
    const settled = expect(connecting).rejects.toMatchObject({ code: 'SYNC_REMOTE_SHELL', details: { output: ['Password:'] } });
    there.writable.write('Password:');
    await clock.advance(59_000);
    there.writable.write(' ');
    await clock.advance(1_000);
    await settled;
  });

  it('a far side that says nothing is a time-out, one that ends at once is lost', async () => {
    const clock = createManualClock();
    const silent = createDuplexPair();
    const waiting = expect(connectOver(silent.here, { clock })).rejects.toMatchObject({ code: 'SYNC_PEER_TIMEOUT' });
    await clock.advance(60_000);
    await waiting;
    const gone = createDuplexPair();
    gone.there.writable.end();
    await expect(connectOver(gone.here)).rejects.toMatchObject({ code: 'SYNC_PEER_LOST' });
  });

  it('waiting ends when it is aborted, with the reason', async () => {
    const { here } = createDuplexPair();
    const controller = new AbortController();
    const connecting = connectOver(here, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(connecting).rejects.toThrow('enough');
  });
});

describe('fake hello', () => {
  const hello = (extra: object = {}): Buffer =>
    encodeMessage({ version: protocolVersion, engine: '9.9.9', node: 'v0', platform: 'x', host: 'x', features: [], streamsMax: 64, ...extra });
  const preamble = (nonce: Buffer, message: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    return Buffer.concat([Buffer.from('\0ubosyn!', 'latin1'), nonce, length, message]);
  };
  /** A responder that knows the nonce, because it read it, and answers with these bytes. */
  const answerWith = (answer: (nonce: Buffer) => Buffer) => {
    const { here, there } = createDuplexPair();
    there.readable.once('data', (chunk: Buffer) => there.writable.write(answer(chunk.subarray(8, 24))));
    there.readable.on('end', () => there.writable.end());
    return connectOver(here);
  };

  it('with another nonce is noise', async () => {
    const { here, there } = createDuplexPair();
    there.readable.resume();
    const connecting = connectOver(here);
    there.writable.end(preamble(Buffer.alloc(16, 7), hello()));
    await expect(connecting).rejects.toMatchObject({ code: 'SYNC_REMOTE_SHELL' });
  });

  it('that is our own words given back is noise', async () => {
    const echo = new PassThrough();
    const connecting = connectOver({ readable: echo, writable: echo });
    setImmediate(() => echo.end());
    await expect(connecting).rejects.toMatchObject({ code: 'SYNC_REMOTE_SHELL' });
  });

  it('of another protocol version is named, whatever else is in it', async () => {
    const version = protocolVersion + 1;
    await expect(answerWith((nonce) => preamble(nonce, encodeMessage({ version, engine: '\u001b[2J3.0', new: [1] })))).rejects.toMatchObject({
      code: 'SYNC_PROTOCOL_VERSION',
      message: expect.stringContaining(`protocol ${version} (ubos-sync \\x1b[2J3.0)`) as string,
      details: { expected: protocolVersion, found: version },
    });
  });

  it('of our version must be as we know it', async () => {
    for (const wrong of [
      hello({ more: 1 }),
      hello({ streamsMax: 0 }),
      hello({ host: 7 }),
      hello({ version: '1' }),
      encodeMessage([1]),
      Buffer.from([0xc1]),
    ]) {
      await expect(answerWith((nonce) => preamble(nonce, wrong))).rejects.toMatchObject({ code: 'SYNC_PROTOCOL' });
    }
  });

  it('that announces more than a hello may have is refused before it has come', async () => {
    const long = Buffer.alloc(4);
    long.writeUInt32BE(0xffff_ffff);
    await expect(answerWith((nonce) => Buffer.concat([Buffer.from('\0ubosyn!', 'latin1'), nonce, long]))).rejects.toMatchObject({
      code: 'SYNC_PROTOCOL',
    });
  });

  it('shows its texts escaped', async () => {
    const connection = await answerWith((nonce) => preamble(nonce, hello({ host: 'a\u001b]52;c;aGk=\u0007\u202eb' })));
    expect(connection.peer.host).toBe('a\\x1b]52;c;aGk=\\x07\\u{202e}b');
    await Promise.all([connection.close(), connection.closed]);
  });
});

describe('the responder', () => {
  it('answers nobody who does not introduce himself', async () => {
    const { here, there } = createDuplexPair();
    const serving = serve(there, served);
    here.writable.end('GET / HTTP/1.1\r\n');
    let answered = 0;
    here.readable.on('data', (chunk: Buffer) => {
      answered += chunk.length;
    });
    await expect(serving).rejects.toMatchObject({ code: 'SYNC_PROTOCOL' });
    expect(answered).toBe(0);
  });

  it('waits so long and no longer', async () => {
    const clock = createManualClock();
    const { here, there } = createDuplexPair();
    const serving = expect(serve(there, { ...served, clock })).rejects.toMatchObject({ code: 'SYNC_PEER_TIMEOUT' });
    here.writable.write(Buffer.from('\0ubo', 'latin1'));
    await clock.advance(63_000);
    await serving;
  });

  it('takes it as it comes when nobody is there at all', async () => {
    const { here, there } = createDuplexPair();
    here.writable.end();
    await serve(there, served);
  });

  it('tells an initiator of another version its own, and leaves', async () => {
    const { here, there } = createDuplexPair();
    const serving = serve(there, served);
    const message = encodeMessage({ version: protocolVersion + 1, engine: '9.9.9' });
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    here.writable.end(
      Buffer.concat([Buffer.from('\0ubosyn?', 'latin1'), Buffer.alloc(16), length, message, Buffer.from('frames of another version')]),
    );
    const answer: Buffer[] = [];
    here.readable.on('data', (chunk: Buffer) => answer.push(chunk));
    await expect(serving).rejects.toMatchObject({ code: 'SYNC_PROTOCOL_VERSION' });
    expect(Buffer.concat(answer).subarray(0, 8).toString('latin1')).toBe('\0ubosyn!');
  });
});

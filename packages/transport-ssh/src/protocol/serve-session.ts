/** What one peer has going on: its requests, each handled on its own, and the replicas that it has open. */
import { assertNever, type Clock, SyncError } from '@ubos/sync-core';
import { parseJson, stringifyJson } from './json-value.ts';
import { type Request, type RequestOf, request as requestShape } from './messages/requests.ts';
import type { PeerFacts } from './peer-facts.ts';
import { answerArchiveRequest } from './serve-archive.ts';
import { answerLogFacts, answerLogFollow, answerLogGenerations, answerLogRead } from './serve-log.ts';
import { answerLogList } from './serve-log-names.ts';
import type { ServeOptions } from './serve-options.ts';
import { answerReplicaRequest } from './serve-replica.ts';
import { ServedReplica } from './served-replica.ts';
import type { WireStream } from './wire-stream.ts';

export interface ServeSessionOptions {
  readonly options: ServeOptions;
  readonly peer: PeerFacts;
  readonly clock: Clock;
}

export class ServeSession {
  readonly #options: ServeOptions;
  readonly #peer: PeerFacts;
  readonly #clock: Clock;
  readonly #replicas = new Map<number, ServedReplica>();
  readonly #underWay = new Set<Promise<void>>();

  constructor({ options, peer, clock }: ServeSessionOptions) {
    this.#options = options;
    this.#peer = peer;
    this.#clock = clock;
  }

  /** Takes a request. What has an order among requests is settled before this returns. */
  onRequest(stream: WireStream, payload: Buffer): void {
    let request: Request;
    try {
      request = stream.parse(payload, requestShape);
    } catch {
      // The connection has ended over it.
      return;
    }
    const handled = this.#answer(request, stream).then(
      () => stream.end(),
      (error: unknown) => stream.fail(error),
    );
    this.#underWay.add(handled);
    void handled.then(() => this.#underWay.delete(handled));
  }

  /** Resolves when all that was under way is over. Called after the connection has ended, which aborts it. */
  async ended(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Runs without a pause up to where the request takes its place among the others of its replica. */
  async #answer(request: Request, stream: WireStream): Promise<void> {
    switch (request.type) {
      case 'open':
        return this.#open(request, stream);
      case 'identify':
      case 'establish':
      case 'restore':
      case 'lock':
      case 'scan':
      case 'scan-tree':
      case 'stage':
      case 'supply':
      case 'transition':
      case 'run-changes':
      case 'admission':
      case 'time':
        return answerReplicaRequest(request, this.#mustGetReplica(request.on), stream, this.#clock);
      case 'archive-status':
      case 'archive-load':
      case 'archive-prepare':
      case 'archive-commit':
      case 'archive-discard':
        return answerArchiveRequest(request, this.#mustGetReplica(request.on), stream);
      case 'log-facts':
        return answerLogFacts(request, stream, this.#options.logs);
      case 'log-read':
        return answerLogRead(request, stream, this.#options.logs);
      case 'log-follow':
        return answerLogFollow(request, stream, this.#options.logs);
      case 'log-generations':
        return answerLogGenerations(request, stream, this.#options.logs);
      case 'log-list':
        return answerLogList(request, stream, this.#options.logNames);
      case 'service':
        return this.#serve(request, stream);
      default:
        return assertNever(request);
    }
  }

  async #open({ root, profile }: RequestOf<'open'>, stream: WireStream): Promise<void> {
    const { replica } = this.#options;
    const served = new ServedReplica(
      typeof replica === 'function' ? { opening: replica({ root, profile }), ours: true } : { opening: Promise.resolve(replica), ours: false },
    );
    this.#replicas.set(stream.id, served);
    try {
      const { capabilities, ...opened } = await served.opened();
      await stream.send({ type: 'opened', identity: await opened.identify(), capabilities });
      await stream.ended();
    } finally {
      this.#replicas.delete(stream.id);
      await served.close();
    }
  }

  #mustGetReplica(on: number): ServedReplica {
    const served = this.#replicas.get(on);
    if (served === undefined) throw new SyncError('SYNC_PROTOCOL', 'a request for a replica that is not open');
    return served;
  }

  async #serve({ name, json }: RequestOf<'service'>, stream: WireStream): Promise<void> {
    const { services = {} } = this.#options;
    const service = Object.hasOwn(services, name) ? services[name] : undefined;
    if (service === undefined) throw new SyncError('SYNC_USAGE', `there is no service ${name}`);
    const value = parseJson(json);
    if (!value.ok) stream.refuse(value.error);
    const answer = service(value.value, { peer: this.#peer, signal: stream.signal });
    if (Symbol.asyncIterator in answer) {
      for await (const part of answer) await stream.send({ type: 'value', json: stringifyJson(part) });
      return;
    }
    const one = await answer;
    if (one !== undefined) await stream.send({ type: 'value', json: stringifyJson(one) });
  }
}

/** The user's ssh-agent: which keys it holds, and one of them at a time for signing. The agent is never forwarded. */
import ssh2, { type ParsedKey } from 'ssh2';

export interface AgentKey {
  readonly publicKey: Uint8Array;
  readonly type: string;
  readonly comment: string;
  /** For ssh2: an agent that holds this key alone, so that the order of keys is ours and not the agent's. */
  readonly signer: ssh2.BaseAgent;
}

/** An agent that does not answer within this time counts as not there: it may wait for a person to unlock it, but listing needs none. */
const listTimeoutMs = 5_000;

/** Keys of the agent at `socketPath`, in its order. Rejects with why it cannot be asked. Kinds of keys that ssh2 does not know (FIDO, certificates) are left out. */
export async function listAgentKeys(socketPath: string): Promise<readonly AgentKey[]> {
  const agent = ssh2.createAgent(socketPath);
  const keys = await new Promise<readonly ParsedKey[]>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer from the agent within ${listTimeoutMs / 1000} s`)), listTimeoutMs);
    agent.getIdentities((error, list) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve((list ?? []).map((key) => ssh2.utils.parseKey(key as Buffer)).filter((key): key is ParsedKey => !(key instanceof Error)));
    });
  });
  return keys.map((key) => ({ publicKey: key.getPublicSSH(), type: key.type, comment: key.comment, signer: new SingleKeyAgent(agent, key) }));
}

/** A class because ssh2 asks `instanceof BaseAgent`. */
class SingleKeyAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: ssh2.BaseAgent;
  readonly #key: ParsedKey;

  constructor(agent: ssh2.BaseAgent, key: ParsedKey) {
    super();
    this.#agent = agent;
    this.#key = key;
  }

  override getIdentities(callback: ssh2.IdentityCallback<ParsedKey>): void {
    callback(undefined, [this.#key]);
  }

  override sign(key: ParsedKey, data: Buffer, options: ssh2.SigningRequestOptions | ssh2.SignCallback, callback?: ssh2.SignCallback): void {
    if (typeof options === 'function') this.#agent.sign(key, data, options);
    else this.#agent.sign(key, data, options, callback);
  }
}

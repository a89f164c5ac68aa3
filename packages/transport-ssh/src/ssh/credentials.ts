/**
 * What we show to prove who we are, one thing at a time, in this order:
 *
 * 1. the key files of ssh_config (IdentityFile) in their order, each through the agent if it holds the key, else from the file;
 * 2. the agent's other keys, unless IdentitiesOnly: after the configured ones, so that an agent full of keys cannot use up the server's
 *    patience (MaxAuthTries, 6 by default) before the right one is tried;
 * 3. key files that need a passphrase, if somebody can be asked;
 * 4. keyboard-interactive and password, if somebody can be asked.
 *
 * A method that the server does not offer is passed over.
 */
import type { AnyAuthMethod, Prompt } from 'ssh2';
import { type AgentKey, listAgentKeys } from './key-agent.ts';
import { decryptKey, type KeyFile, readKeyFile } from './key-files.ts';
import { fingerprint } from './known-hosts.ts';
import type { SshPrompts } from './prompts.ts';
import type { ResolvedHost } from './resolved-host.ts';

export interface Credentials {
  /** The next attempt; `undefined`: nothing is left. `offered`: methods that the server still takes, `undefined` as long as it has not said. */
  next(offered: readonly string[] | undefined): Promise<AnyAuthMethod | undefined>;
  /** What was shown, for people: "key file ~/.ssh/id_ed25519 (SHA256:...)". */
  readonly tried: readonly string[];
  /** What could not be shown, and why. */
  readonly unusable: readonly string[];
}

export async function createCredentials(host: ResolvedHost, prompts: SshPrompts): Promise<Credentials> {
  const tried: string[] = [];
  const unusable: string[] = [];
  let offered: readonly string[] | undefined;
  let declined = false;
  let stopped: { readonly reason: unknown } | undefined;
  const takes = (method: string): boolean => !declined && (offered === undefined || offered.includes(method));
  const asks: SshPrompts = host.batchMode ? {} : prompts;
  const username = host.user;
  const attempts = attemptsInOrder();
  return {
    tried,
    unusable,
    async next(nowOffered) {
      if (stopped !== undefined) throw stopped.reason;
      offered = nowOffered;
      const { value } = await attempts.next();
      return value;
    },
  };

  async function* attemptsInOrder(): AsyncGenerator<AnyAuthMethod, undefined> {
    const { files, agentKeys } = host.methods.publickey ? await findKeys(host, unusable) : { files: [], agentKeys: [] };
    const sure = inOrder(files, agentKeys);
    const canAsk = files.some(({ kind }) => kind === 'encrypted') && asks.passphrase !== undefined;
    // Asking for nothing is how a client learns what a server takes. With a key at hand it is a round trip saved.
    if (sure.length === 0 && !canAsk) yield { type: 'none', username };
    for (const { label, attempt } of sure) {
      if (!takes('publickey')) break;
      tried.push(label);
      yield attempt;
    }
    for (const file of files) {
      if (file.kind !== 'encrypted' || !takes('publickey')) continue;
      if (agentKeys.some(({ publicKey }) => isSame(publicKey, file.publicKey))) continue;
      const key = await unlock(file);
      if (key === undefined) {
        unusable.push(`key file ${file.file}: it needs its passphrase${asks.passphrase === undefined ? ', and nobody can be asked' : ''}`);
        continue;
      }
      tried.push(`key file ${file.file} (${fingerprint(key.getPublicSSH())})`);
      yield { type: 'publickey', username, key };
    }
    for (
      let i = 0;
      i < host.passwordPrompts && host.methods.keyboardInteractive && asks.answer !== undefined && takes('keyboard-interactive');
      i += 1
    ) {
      tried.push('keyboard-interactive');
      yield { type: 'keyboard-interactive', username, prompt: answerQuestions };
    }
    for (let i = 0; i < host.passwordPrompts && host.methods.password && asks.answer !== undefined && takes('password'); i += 1) {
      const [password] =
        (await asks.answer({ name: '', instructions: '', prompts: [{ text: `${username}@${host.alias}'s password: `, echo: false }] })) ?? [];
      if (password === undefined) return undefined;
      tried.push('password');
      yield { type: 'password', username, password };
    }
    return undefined;
  }

  /** Who gives no answer has answered with nothing, is told so by the server, and is not asked again. */
  function answerQuestions(name: string, instructions: string, _language: string, prompts: Prompt[], finish: (answers: string[]) => void): void {
    const questions = prompts.map(({ prompt, echo }) => ({ text: prompt, echo: echo === true }));
    const refuse = (): void => {
      declined = true;
      finish(questions.map(() => ''));
    };
    asks.answer!({ name, instructions, prompts: questions }).then(
      (answers) => (answers === undefined ? refuse() : finish([...answers])),
      (reason: unknown) => {
        stopped = { reason };
        refuse();
      },
    );
  }

  async function unlock(file: KeyFile & { kind: 'encrypted' }): Promise<ReturnType<typeof decryptKey>> {
    for (let attempt = 1; asks.passphrase !== undefined && attempt <= host.passwordPrompts; attempt += 1) {
      const passphrase = await asks.passphrase({ keyFile: file.file, attempt });
      if (passphrase === undefined) return undefined;
      const key = decryptKey(file.content, passphrase);
      if (key !== undefined) return key;
    }
    return undefined;
  }

  function inOrder(files: readonly KeyFile[], agentKeys: readonly AgentKey[]): { label: string; attempt: AnyAuthMethod }[] {
    const order: { label: string; attempt: AnyAuthMethod }[] = [];
    const viaAgent = (key: AgentKey): void => {
      order.push({
        label: `agent key ${key.comment || key.type} (${fingerprint(key.publicKey)})`,
        attempt: { type: 'agent', username, agent: key.signer },
      });
    };
    const rest = new Set(agentKeys);
    for (const file of files) {
      if (file.kind === 'refused') continue;
      const held = agentKeys.find(({ publicKey }) => isSame(publicKey, file.publicKey));
      if (held !== undefined) {
        if (rest.delete(held)) viaAgent(held);
      } else if (file.kind === 'usable') {
        order.push({ label: `key file ${file.file} (${fingerprint(file.publicKey)})`, attempt: { type: 'publickey', username, key: file.key } });
      }
    }
    if (!host.identitiesOnly) rest.forEach(viaAgent);
    return order;
  }
}

async function findKeys(host: ResolvedHost, unusable: string[]): Promise<{ files: readonly KeyFile[]; agentKeys: readonly AgentKey[] }> {
  const [found, agentKeys] = await Promise.all([
    Promise.all(host.identityFiles.map(readKeyFile)),
    host.identityAgent === undefined
      ? []
      : listAgentKeys(host.identityAgent).catch((error: Error) => {
          unusable.push(`agent ${host.identityAgent}: ${error.message}`);
          return [];
        }),
  ]);
  const files = found.filter((file) => file !== undefined);
  for (const file of files) if (file.kind === 'refused') unusable.push(`key file ${file.file}: ${file.why}`);
  return { files, agentKeys };
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}

/** Questions to a person. Each is optional: what cannot be asked is refused (host key) or not tried (passphrase, password). */
export interface SshPrompts {
  /** Whether to believe a host that is seen for the first time. Asked before anything secret is sent. */
  readonly confirmHostKey?: ((question: HostKeyQuestion) => Promise<boolean>) | undefined;
  /** Passphrase of a key file; `undefined`: leave this key out. Asked again after a wrong one. */
  readonly passphrase?: ((question: PassphraseQuestion) => Promise<string | undefined>) | undefined;
  /** What the server asks (keyboard-interactive), or the password. `undefined`: none is given. */
  readonly answer?: ((question: ServerQuestion) => Promise<readonly string[] | undefined>) | undefined;
}

export interface HostKeyQuestion {
  /** As it would stand in known_hosts: `host` or `[host]:port`. */
  readonly name: string;
  readonly address: string;
  readonly keyType: string;
  /** `SHA256:...` */
  readonly fingerprint: string;
}

export interface PassphraseQuestion {
  readonly keyFile: string;
  /** From 1. */
  readonly attempt: number;
}

export interface ServerQuestion {
  readonly name: string;
  readonly instructions: string;
  readonly prompts: readonly { readonly text: string; readonly echo: boolean }[];
}

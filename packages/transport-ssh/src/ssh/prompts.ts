/** Questions to a person. Each is optional: what cannot be asked is refused (host key) or not tried (passphrase, password). */
export interface SshPrompts {
  /** Whether to believe a host that is seen for the first time. Asked before anything secret is sent. */
  confirmHostKey?(question: HostKeyQuestion): Promise<boolean>;
  /** Passphrase of a key file; `undefined`: leave this key out. Asked again after a wrong one. */
  passphrase?(question: { readonly keyFile: string; readonly attempt: number }): Promise<string | undefined>;
  /** What the server asks (keyboard-interactive), or the password. `undefined`: none is given. */
  answer?(question: ServerQuestion): Promise<readonly string[] | undefined>;
}

export interface HostKeyQuestion {
  /** As it would stand in known_hosts: `host` or `[host]:port`. */
  readonly name: string;
  readonly address: string;
  readonly keyType: string;
  /** `SHA256:...` */
  readonly fingerprint: string;
}

export interface ServerQuestion {
  readonly name: string;
  readonly instructions: string;
  readonly prompts: readonly { readonly text: string; readonly echo: boolean }[];
}

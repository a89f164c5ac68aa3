/**
 * What is run on the far side before there is anything of ours there: one command line for the login shell, made of constant texts and a few plain words.
 *
 *     exec /bin/sh -c '<shell text>' ubos-sync '<Node text>' NONCE SHA256 BYTES NODE
 *
 * The login shell may be anything (bash, zsh, fish, csh), so every word is plain or in single quotes, and neither text holds what one of these shells
 * treats specially inside them: no single quote, no backslash, no exclamation mark, no newline. No text of the user's is in it but NODE, which is checked.
 *
 * The shell text finds Node and starts it with the Node text. That one looks for the agent in the cache folder, reads it once (no link followed, owner and
 * mode checked), hashes what it read and runs these very bytes; nothing can be exchanged between the check and the start. If the file is missing or not what
 * it should be, it asks for the agent over its own input, checks the hash of what comes and hands it to the agent itself, which stores it (`main.ts`).
 * So a start is one command and no round trip more, and a first start is one upload more. Beside the agent lies what V8 has compiled of it
 * (`cache-folder.ts` of core): it saves the compilation, V8 takes it only for these very bytes and this Node, and without it all is the same.
 *
 * Whoever asks cannot know yet whether Node, the agent or a greeting of the shell will answer; so all answers are lines that carry NONCE:
 *
 * | line | meaning |
 * |---|---|
 * | `ubos-sync NONCE old-node VERSION PATH` | this Node is too old; the next place is tried |
 * | `ubos-sync NONCE no-node` | there is no other place; the end |
 * | `ubos-sync NONCE need REASON` | send the agent: the line `ubos-sync NONCE agent`, then its bytes |
 * | `ubos-sync NONCE corrupt` | what was sent has another hash; the end |
 * | `ubos-sync NONCE not-writable WHY` | the cache folder cannot be used; the end |
 *
 * Input that is there before the line `agent` belongs to the protocol, like all that follows the agent's bytes: it is put back together for the agent.
 */
import { SyncError } from '@ubos/sync-core';

/** Oldest Node that runs the agent. */
export const nodeMajorMin = 18;

export interface LaunchRequest {
  /** Hexadecimal, new for every start. */
  readonly nonce: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Path of Node on the far side, absolute or below `~/`; `undefined`: look for it. */
  readonly node?: string | undefined;
}

export function launchCommand({ nonce, sha256, sizeBytes, node }: LaunchRequest): string {
  if (node !== undefined && !/^(?:~\/|\/)[A-Za-z0-9_.,:@+=/ -]+$/.test(node)) {
    throw new SyncError(
      'SYNC_USAGE',
      `${JSON.stringify(node)} cannot be used as the path of Node on the far side: it must be absolute or start with ~/, in plain characters`,
    );
  }
  const words = [`'${shellText}'`, 'ubos-sync', `'${nodeText}'`, nonce, sha256, String(sizeBytes), `'${node ?? ''}'`];
  return `exec /bin/sh -c ${words.join(' ')}`;
}

/** The line of an answer or of the client's. */
export function launchLine(nonce: string, rest: string): string {
  return `ubos-sync ${nonce} ${rest}`;
}

/** Where Node is looked for, in this order, for the message when there is none. */
export const nodePlaces: readonly string[] = [
  'PATH (node, nodejs)',
  'Volta',
  'Homebrew',
  '/usr/local/bin',
  'Snap',
  'nvm',
  'fnm',
  'asdf',
  'mise',
  'n',
];

/**
 * Node's exit status 97 means "too old" (the Node text says so), 126 and 127 that it could not be run at all (another processor or C library).
 * Versions of version managers are tried from the last in the alphabet to the first, which is mostly the newest.
 */
const shellText: string = [
  'j=$1 n=$2 d=$3 z=$4 p=$5;',
  'if [ -n "$p" ]; then case $p in "~/"*) p=$HOME/${p#??};; esac; set -- "$p"; else set --;',
  'for f in "${NVM_DIR:-$HOME/.nvm}"/versions/node/*/bin/node "$HOME"/.local/share/fnm/node-versions/*/installation/bin/node',
  '"$HOME"/.asdf/installs/nodejs/*/bin/node "$HOME"/.local/share/mise/installs/node/*/bin/node "$HOME/n/bin/node"; do set -- "$f" "$@"; done;',
  'set -- node nodejs "$HOME/.volta/bin/node" /opt/homebrew/bin/node /home/linuxbrew/.linuxbrew/bin/node /usr/local/bin/node /snap/bin/node "$@"; fi;',
  'for f do case $f in */*) [ -x "$f" ] || continue;; *) command -v "$f" >/dev/null 2>&1 || continue;; esac;',
  '"$f" -e "$j" -- "$n" "$d" "$z"; r=$?; case $r in 97|126|127) ;; *) exit $r;; esac; done;',
  'echo; echo "ubos-sync $n no-node"; exit 96',
].join(' ');

/** Old JavaScript, because an old Node must get as far as saying how old it is. `18` of the mode is group-writable and world-writable (0o022). */
const nodeText: string = [
  'var p=process,n=p.argv[1],d=p.argv[2],z=+p.argv[3],E=require("os").EOL,f=require("fs"),L=E+"ubos-sync "+n+" ";',
  'function say(t){f.writeSync(1,L+t+E)}',
  `if(parseInt(p.versions.node,10)<${nodeMajorMin}){say("old-node "+p.version+" "+p.execPath);p.exit(97)}`,
  'var h=require("path"),x=p.env.XDG_CACHE_HOME||"",C=f.constants,',
  'g=h.join(h.isAbsolute(x)?x:h.join(require("os").homedir(),".cache"),"ubos-sync"),a=h.join(g,"agent-"+d+".cjs"),',
  'k=h.join(g,"code-"+d+"."+p.version+"-"+p.arch);',
  'function mine(s){return s.uid===p.geteuid()&&(s.mode&18)===0}',
  'function sha(b){return require("crypto").createHash("sha256").update(b).digest()}',
  'function ok(b){return sha(b).toString("hex")===d}',
  'function look(a){var s=f.lstatSync(g);if((s.isDirectory()&&mine(s))===false)throw 0;',
  'var o=f.openSync(a,C.O_RDONLY|C.O_NOFOLLOW|C.O_NONBLOCK);try{s=f.fstatSync(o);if((s.isFile()&&mine(s))===false)throw 0;return f.readFileSync(o)}',
  'finally{f.closeSync(o)}}',
  'function read(){try{var b=look(a);return ok(b)?b:"damaged"}catch(e){return e?e.code==="ENOENT"?"missing":e.code==="ELOOP"?"unsafe":"unreadable":"unsafe"}}',
  'function code(){try{var b=look(k),c=b.subarray(32);return sha(c).equals(b.subarray(0,32))?c:undefined}catch(e){}}',
  'function run(b,w){var m={exports:{}},s=new(require("vm").Script)("(function(require,module,exports){"+b+E+"})",{filename:a,cachedData:code()});',
  's.runInThisContext()(require,m,m.exports);m.exports.main({bytes:b,folder:g,file:a,need:w,say:say,script:s,code:s.cachedDataRejected===false?"":k})}',
  'function take(w){say("need "+w);var i=p.stdin,q=Buffer.alloc(0),l=Buffer.from(n+" agent"+E);i.on("readable",function t(){',
  'var c,k,b;while((c=i.read()))q=Buffer.concat([q,c]);k=q.indexOf(l);if(k<0)return;k+=l.length;if(q.length<k+z)return;i.removeListener("readable",t);',
  'b=q.subarray(k,k+z);if(ok(b)===false){say("corrupt");p.exit(95)}',
  'q=Buffer.concat([q.subarray(0,k-l.length-10),q.subarray(k+z)]);if(q.length)i.unshift(q);run(b,w)})}',
  'var b=read();typeof b==="string"?take(b):run(b,"")',
].join('');

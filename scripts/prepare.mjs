/** Makes a checkout ready to run: installs what the lock file names and builds, each only if it has to. Needs Node and npm, nothing else. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

export function prepare() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node 20.19 or later is needed to build; this is ${process.version}. (The far side runs on Node 18.)`);
  if (newest(['package-lock.json']) > newest(['node_modules/.package-lock.json']))
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], 'installing');
  const built = Math.min(newest(['packages/cli/dist/ubos-sync.cjs']), newest(['packages/transport-ssh/dist/agent/agent.cjs']));
  const sources = ['core', 'transport-ssh', 'cli'].flatMap((name) => [
    `packages/${name}/src`,
    `packages/${name}/scripts`,
    `packages/${name}/package.json`,
  ]);
  if (newest(sources) > built) run('npm', ['run', '--silent', 'build'], 'building');
}

/** Latest modification of any file at or below the paths, 0 if there is none. */
function newest(paths) {
  let latest = 0;
  for (const path of paths) {
    const absolute = join(root, path);
    if (!existsSync(absolute)) continue;
    const stat = statSync(absolute);
    latest = Math.max(latest, stat.isDirectory() ? newest(readdirSync(absolute).map((name) => join(path, name))) : stat.mtimeMs);
  }
  return latest;
}

function run(command, args, doing) {
  console.error(`${doing}: ${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) fail(`${doing} failed`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) prepare();

//! The figure `crypto`: messages of 1 KiB encrypted and decrypted a second in wasm under Node, ours beside
//! @matrix-org/matrix-sdk-crypto-wasm in the same run, in turn. Owns the build of our module and the printing.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { matrix } from './crypto/matrix.mjs';

const ROOT = join(import.meta.dirname, '../..');
const MESSAGE_BYTES = 1_024;
const MESSAGES = 1_000;
const RUNS = 3;

/** Builds our module with the profile that ships, and gives its exports. */
async function build() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target/web');
  const out = join(target, 'bench');
  const quiet = { cwd: ROOT, stdio: ['ignore', 2, 2] };
  const cargo = ['build', '-p', 'sotto-bench-wasm', '--target', 'wasm32-unknown-unknown', '--profile', 'web'];
  execFileSync('cargo', cargo, { ...quiet, env: { ...process.env, CARGO_TARGET_DIR: target } });
  mkdirSync(out, { recursive: true });
  const module = join(target, 'wasm32-unknown-unknown/web/sotto_bench_wasm.wasm');
  execFileSync('wasm-bindgen', ['--target', 'experimental-nodejs-module', '--out-dir', out, module], quiet);
  return import(pathToFileURL(join(out, 'sotto_bench_wasm.js')));
}

/** Ours, as something that seals and opens. */
async function sotto() {
  const { Devices } = await build();
  const devices = new Devices(crypto.getRandomValues(new Uint8Array(32)));
  const text = crypto.getRandomValues(new Uint8Array(MESSAGE_BYTES));
  return { seal: () => devices.seal(text), open: (message) => devices.open(message) };
}

/** Encrypts, then decrypts, MESSAGES messages; gives how many a second of each. */
async function measure({ seal, open }) {
  const messages = [];
  const start = performance.now();
  for (let n = 0; n < MESSAGES; n += 1) messages.push(await seal());
  const sealed = performance.now();
  for (const message of messages) await open(message);
  const opened = performance.now();
  return { encrypt: (MESSAGES * 1_000) / (sealed - start), decrypt: (MESSAGES * 1_000) / (opened - sealed) };
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const [ours, theirs] = [await sotto(), await matrix(MESSAGE_BYTES)];
await measure(ours);
await measure(theirs);
const runs = [];
for (let run = 0; run < RUNS; run += 1) runs.push({ ours: await measure(ours), theirs: await measure(theirs) });
for (const what of ['encrypt', 'decrypt']) {
  const value = Math.round(median(runs.map((run) => run.ours[what])));
  const peer = Math.round(median(runs.map((run) => run.theirs[what])));
  const ratio = Math.round((100 * value) / peer) / 100;
  const name = `crypto: ${what} 1 KiB in wasm`;
  const figure = { name, value, unit: 'per second', budget: peer, within: value > peer, peer, ratio };
  const verdict = figure.within ? 'within' : 'UNDER';
  const line = `${name.padEnd(44)} ${String(value).padStart(9)} per second  matrix-sdk-crypto-wasm ${peer}, ratio ${ratio}: ${verdict}`;
  console.log(process.argv.includes('--json') ? JSON.stringify(figure) : line);
}
process.exit(0);

//! The figure `size`: what the app in `dist/` weighs on the wire, brotli 11, beside the budgets of the design.
//! Owns which file counts towards what. A figure that has no peer says so with null.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliStrongest, filesBelow } from './compress.mjs';

/** kB that wasm, JavaScript, CSS and HTML may weigh together until the first screen. */
const FIRST_SCREEN_KB = 600;
/** kB that everything but the module may weigh: what paints before it is there. */
const SHELL_KB = 160;

const COUNTED = /\.(css|html|js|wasm)$/;
/** What `finish.mjs` names so is loaded when it is wanted, or when there is nothing else to do. */
const LATER = /^later-/;

/** Figures of a folder: one per file without a budget, then the sums with theirs. */
export async function figures(folder) {
  const files = filesBelow(folder).filter((path) => !/\.(br|gz)$/.test(path));
  const sized = await Promise.all(files.map(async (path) => ({ path, bytes: await shipped(folder, path) })));
  const sum = (keep) => sized.filter(({ path }) => keep(path)).reduce((total, { bytes }) => total + bytes, 0);
  const counted = (path) => COUNTED.test(path) && !LATER.test(path);
  return [
    ...sized.map(({ path, bytes }) => figure(`size: ${path.replace(/-[0-9a-f]{16}/, '')}`, bytes, null)),
    figure('size: first screen', sum(counted), FIRST_SCREEN_KB),
    figure('size: shell before the module', sum((path) => counted(path) && !path.endsWith('.wasm')), SHELL_KB),
    figure('size: loaded later', sum((path) => LATER.test(path)), null),
    figure('size: all files', sum(() => true), null),
  ];
}

/** Bytes on the wire: compressed where that is what the server sends. */
async function shipped(folder, path) {
  const content = readFileSync(join(folder, path));
  const compressible = COUNTED.test(path) || /\.(json|svg|txt|webmanifest)$/.test(path);
  return compressible ? Math.min(content.length, (await brotliStrongest(content)).length) : content.length;
}

function figure(name, bytes, budget) {
  const value = Math.round(bytes / 10) / 100;
  return { name, value, unit: 'kB', budget, within: budget === null ? null : value <= budget, peer: null, ratio: null };
}

function line({ name, value, unit, budget, within }) {
  const beside = budget === null ? '' : `  budget ≤ ${budget} ${unit}: ${within ? 'within' : 'OVER'}`;
  return `${name.padEnd(44)} ${value.toFixed(2).padStart(9)} ${unit}${beside}`;
}

if (process.argv[1].endsWith('size.mjs')) {
  const json = process.argv.includes('--json');
  for (const entry of await figures(join(import.meta.dirname, '../../dist'))) {
    console.log(json ? JSON.stringify(entry) : line(entry));
  }
}

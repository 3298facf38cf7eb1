//! Writes `.br` (brotli 11) and `.gz` beside each file that gains by it. Owns the list of what is text or code.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const COMPRESSIBLE = /\.(css|html|js|json|svg|txt|wasm|webmanifest)$/;
const brotli = promisify(brotliCompress);

/** Brotli at its strongest; about 2 s per MB. */
export function brotliStrongest(content) {
  return brotli(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } });
}

/** Paths of all files below `folder`, relative to it, sorted. */
export function filesBelow(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name))).sort();
}

/** Compresses every file below `folder`, several at a time. */
export async function compressFolder(folder) {
  const files = filesBelow(folder).filter((path) => COMPRESSIBLE.test(path)).map((path) => join(folder, path));
  await Promise.all(files.map(async (path) => {
    const content = readFileSync(path);
    const [br, gz] = await Promise.all([brotliStrongest(content), promisify(gzip)(content, { level: 9 })]);
    if (br.length < content.length) writeFileSync(`${path}.br`, br);
    if (gz.length < content.length) writeFileSync(`${path}.gz`, gz);
  }));
}

//! Finishes what Trunk has staged, as its `post_build` hook: names files by their content, moves the inline script into a
//! file of its own, puts the Trusted Types policy and what loads the later parts into the glue, shortens the names that glue and module share, and writes
//! `.br` and `.gz` beside each file.
//! Owns the order of these steps, not the steps. Rule: what cannot be made to fit the content security policy fails here,
//! in the build, and not in somebody's browser.
import { readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { minify } from 'terser';
import { compressFolder } from './compress.mjs';
import { extractBoot } from './boot.mjs';
import { shortened } from './imports.mjs';
import { loading, takeLater, withoutHints } from './later.mjs';
import { trustGlue } from './trusted.mjs';
import { dataRange, staticRange } from './wasm.mjs';

/** The name of a file with 16 hex digits of its content's SHA-256, so that it may be cached for ever. */
export function hashedName(stem, extension, content) {
  return `${stem}-${createHash('sha256').update(content).digest('hex').slice(0, 16)}.${extension}`;
}

/** The name of the one WebAssembly module that Trunk has staged. */
function moduleName(names) {
  const found = names.filter((name) => name.endsWith('_bg.wasm'));
  if (found.length !== 1) throw new Error(`expected one *_bg.wasm in Trunk's output, found: ${found.join(', ') || 'none'}`);
  return found[0];
}

/** Finishes the folder that Trunk has staged. Returns the names of the app's own files. */
export async function finish(folder) {
  const names = readdirSync(folder);
  const wasmName = moduleName(names);
  const glueName = wasmName.replace('_bg.wasm', '.js');
  const staged = readFileSync(join(folder, wasmName));
  const { parts, loader } = takeLater(folder);
  const later = parts.map((part) => ({ ...part, final: hashedName(part.name.replace(/^(split_)?(.*)\.wasm$/, 'later-$2'), 'wasm', part.wasm) }));
  for (const { final, wasm } of later) writeFileSync(join(folder, final), wasm);

  // Addresses that `new Worker(string)` and `serviceWorker.register(string)` may take: worker files of ours, nothing else.
  const workers = names.filter((name) => /^(sw|worker|.*-worker)(-[0-9a-f]+)?\.js$/.test(name)).map((name) => `/${name}`);
  const written = readFileSync(join(folder, glueName), 'utf8');
  const whole = loading(written, loader, later.map(({ name, final }) => [name, `/${final}`]));
  const trusted = trustGlue(whole, together([staticRange(staged), ...later.map(({ wasm }) => dataRange(wasm))]), workers);
  const { wasm, glue: named } = shortened(staged, trusted);
  const { code: glue } = await minify(named, { module: true });

  const wasmFinal = hashedName('app', 'wasm', wasm);
  const glueFinal = hashedName('app', 'js', glue);
  rmSync(join(folder, wasmName));
  writeFileSync(join(folder, wasmFinal), wasm);
  rmSync(join(folder, glueName));
  writeFileSync(join(folder, glueFinal), glue);

  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const page = extractBoot(withoutHints(html).replaceAll(wasmName, wasmFinal).replaceAll(glueName, glueFinal));
  const bootFinal = hashedName('boot', 'js', page.boot);
  writeFileSync(join(folder, bootFinal), page.boot);
  writeFileSync(join(folder, 'index.html'), page.html.replace('BOOT_ADDRESS', `/${bootFinal}`));

  await compressFolder(folder);
  return { wasm: wasmFinal, glue: glueFinal, boot: bootFinal, later: later.map(({ final }) => final) };
}

/** The range that covers all: the parts were linked as one, so that between their data lies only what was compiled in. */
function together(ranges) {
  return { start: Math.min(...ranges.map(({ start }) => start)), end: Math.max(...ranges.map(({ end }) => end)) };
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const folder = process.env.TRUNK_STAGING_DIR;
  if (!folder) throw new Error('TRUNK_STAGING_DIR is not set: Trunk calls this script');
  const made = await finish(folder);
  console.log(`   named, trusted and compressed: ${Object.values(made).flat().join(', ')}`);
}

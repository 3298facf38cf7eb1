//! Finishes what `tools/wasm-bindgen` has cut from the module to be loaded later: each part is optimised and named by its
//! content, and the loader becomes a piece of the glue. Owns the folder of the parts, as it lies in Trunk's output.
//! Rule: what a part brings in as text lies within the range of the main part's, or the build fails.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = 'snippets/sotto-later';
const LOADER = `./${FOLDER}/loader.js`;

/** As index.html says for the main part. */
const OPTIONS = ['-Os', '--one-caller-inline-max-function-size=1', '--skip-pass=local-cse'];

/** Takes the parts out of the folder: their names and contents, and the loader's text. None when nothing was cut. */
export function takeLater(folder, optimise = optimised) {
  const from = join(folder, FOLDER);
  if (!existsSync(from)) return { parts: [], loader: '' };
  const names = readdirSync(from).filter((name) => name.endsWith('.wasm'));
  const parts = names.map((name) => ({ name, wasm: optimise(join(from, name)) }));
  const loader = readFileSync(join(from, 'loader.js'), 'utf8');
  rmSync(from, { recursive: true });
  return { parts, loader };
}

function optimised(path) {
  execFileSync('wasm-opt', [...OPTIONS, path, '-o', path], { stdio: ['ignore', 'inherit', 'ignore'] });
  return readFileSync(path);
}

/** The glue with the loader in it, which fetches each part from its final address. */
export function loading(glue, loader, addresses) {
  if (glue.includes('__wasm_split_placeholder__')) throw new Error('the module was not cut: the wasm-bindgen on PATH is not the present tools/wasm-bindgen');
  if (!loader) return glue;
  const importing = new RegExp(`^import \\* as (\\w+) from "${LOADER.replaceAll('.', '\\.')}";?$`, 'm').exec(glue);
  if (!importing) throw new Error('the glue does not import the loader of the later parts');
  const names = [...loader.matchAll(/^export const (\w+) =/gm)].map(([, name]) => name);
  let inner = loader.replace(/^import \{ initSync \} from .*$/m, '').replaceAll(/^export const /gm, 'const ');
  // The page says what failed, to the person; the console is not the place.
  inner = inner.replace('console.error(e);', '');
  for (const [name, address] of addresses) {
    const pieces = inner.split(`new URL("./${name}", import.meta.url)`);
    if (pieces.length !== 2) throw new Error(`the loader names ${name} ${pieces.length - 1} times, not once`);
    inner = pieces.join(JSON.stringify(address));
  }
  if (/^(import|export)\b|import\.meta/m.test(inner)) throw new Error('the loader is not what wasm_split_cli_support writes');
  const object = `const ${importing[1]} = (() => {\n${inner}\nreturn { ${names.join(', ')} };\n})();`;
  return `${glue.replace(importing[0], '')}\n${object}\n`;
}

/** The page without a hint to load the parts before they are wanted. */
export function withoutHints(html) {
  return html.replaceAll(new RegExp(`<link[^>]*"/${FOLDER}/[^>]*>`, 'g'), '');
}

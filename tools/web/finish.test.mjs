//! Tests of what is done to Trunk's output: on a staged folder as Trunk writes it, with a module assembled by hand.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { extractBoot } from './boot.mjs';
import { finish } from './finish.mjs';
import { shortened } from './imports.mjs';
import { loading, takeLater, withoutHints } from './later.mjs';
import { figures } from './size.mjs';
import { trustGlue } from './trusted.mjs';
import { dataRange, staticRange } from './wasm.mjs';

const GLUE = `function getStringFromWasm0(ptr, len) { return memory.slice(ptr, ptr + len); }
const imports = {
    __wbg_set_innerHTML_a9d3a267967b5117: function(arg0, arg1, arg2) {
        arg0.innerHTML = getStringFromWasm0(arg1, arg2);
    },
};
`;
const PAGE = `<!doctype html><head>
<script type="module">
import init from '/sotto-app-c09b.js';
const wasm = await init({ module_or_path: '/sotto-app-c09b_bg.wasm' });
</script><link rel="modulepreload" href="/sotto-app-c09b.js"></head>`;

const signed = (value) => {
  const bytes = [];
  for (;;) {
    const byte = value & 0x7f;
    value >>= 7;
    const last = (value === 0 && !(byte & 0x40)) || (value === -1 && byte & 0x40);
    bytes.push(last ? byte : byte | 0x80);
    if (last) return bytes;
  }
};
const constant = (address) => [0x41, ...signed(address), 0x0b];
const section = (id, body) => [id, body.length, ...body];
const named = (text) => [text.length, ...Buffer.from(text)];

/** An import section with functions `[module, name]`, each of type 0. */
const imports = (functions) => section(2, [functions.length, ...functions.flatMap((names) => [...names.flatMap(named), 0, 0])]);

/** A module with one stack pointer and data segments `[address, length]`. */
function assemble(stackTop, segments, functions = [['./sotto-app_bg.js', '__wbg_set_innerHTML_a9d3a267967b5117']]) {
  const globals = section(6, [1, 0x7f, 1, ...constant(stackTop)]);
  const bodies = segments.flatMap(([address, length]) => [0, ...constant(address), length, ...Array(length).fill(65)]);
  return Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...imports(functions), ...globals, ...section(11, [segments.length, ...bodies])]);
}

/** Runs the glue's setter as a browser would that enforces Trusted Types with the `default` policy. */
function setterOf(glue, memory) {
  const policies = {};
  const trustedTypes = {
    createPolicy: (name, rules) => {
      policies[name] = rules;
      return { createHTML: (html, ...proof) => ({ trusted: rules.createHTML(html, ...proof) }) };
    },
  };
  const run = new Function('globalThis', 'memory', 'location', `${glue}; return imports.__wbg_set_innerHTML_a9d3a267967b5117;`);
  const set = run({ trustedTypes }, memory, { href: 'http://localhost/c/1', origin: 'http://localhost' });
  return { set, rules: policies.default };
}

test('range of compiled-in data spans all segments', () => {
  assert.deepEqual(staticRange(assemble(1048576, [[1048576, 16], [1060144, 4]])), { start: 1048576, end: 1060148 });
});

test('module whose stack lies above its data is refused', () => {
  assert.throws(() => staticRange(assemble(2000000, [[1048576, 16]])), /stack does not lie below/);
});

test('fragment that was compiled in becomes html', () => {
  const element = {};
  setterOf(trustGlue(GLUE, { start: 4, end: 12 }, []), 'heap<b>hi</b>').set(element, 4, 8);
  assert.deepEqual(element.innerHTML, { trusted: '<b>hi</b' });
});

test('string made at run time is refused even if it equals a fragment', () => {
  const { set } = setterOf(trustGlue(GLUE, { start: 0, end: 4 }, []), '<br><br>');
  const element = {};
  set(element, 0, 4);
  assert.throws(() => set(element, 4, 4), /not compiled in/);
  assert.throws(() => set(element, 2, 4), /not compiled in/);
  assert.deepEqual(element.innerHTML, { trusted: '<br>' });
});

test('policy refuses html that does not come through the glue', () => {
  const { rules } = setterOf(trustGlue(GLUE, { start: 0, end: 4 }, []), '<br>');
  assert.equal(rules.createHTML('<br>', 'TrustedHTML', 'Element innerHTML'), null);
});

test('policy lets only the named workers of this origin pass', () => {
  const { rules } = setterOf(trustGlue(GLUE, { start: 0, end: 4 }, ['/sw.js']), '');
  assert.equal(rules.createScriptURL('/sw.js'), '/sw.js');
  for (const address of ['/other.js', 'https://evil.example/sw.js', '/sw.js?x', 'data:text/javascript,1']) {
    assert.equal(rules.createScriptURL(address), null, address);
  }
});

test('glue with another sink fails the build', () => {
  for (const sink of ['a.outerHTML = b', 'a.innerHTML = x', "eval('1')", "new Function('x')", 'a.insertAdjacentHTML(b, c)']) {
    assert.throws(() => trustGlue(`${GLUE}${sink};`, { start: 0, end: 4 }, []), /reaches a sink/, sink);
  }
});

test('page with an inline event or style fails the build', () => {
  for (const bad of ['<body onload="x()">', '<p style="color: red">', '<style>p {}</style>', '<script>1</script>']) {
    assert.throws(() => extractBoot(PAGE + bad), Error, bad);
  }
});

test('what the module imports from its glue has one short name in both', () => {
  const functions = [
    ['./sotto-app_bg.js', '__wbg_set_innerHTML_a9d3a267967b5117'],
    ['./snippets/clock.js', 'date_now'],
  ];
  const module = assemble(1048576, [[1048576, 100]], functions);
  const { wasm, glue } = shortened(module, GLUE);
  const short = [['./sotto-app_bg.js', '_0'], ['./snippets/clock.js', 'date_now']];
  assert.deepEqual(wasm, assemble(1048576, [[1048576, 100]], short));
  assert.equal(glue, GLUE.replace('__wbg_set_innerHTML_a9d3a267967b5117', '_0'));
});

test('function that the glue does not have, or has twice, fails the build', () => {
  const module = assemble(1048576, [[1048576, 100]]);
  assert.throws(() => shortened(module, GLUE.replace('b5117', 'b5118')), /has 0 functions/);
  assert.throws(() => shortened(module, GLUE + GLUE), /has 2 functions/);
});

const LOADER = `import { initSync } from "./main.js";
const fetched = () => fetch(new URL("./split_pages.wasm", import.meta.url));
export const __wasm_split_load_pages = fetched;
`;
const IMPORTING = 'import * as import2 from "./snippets/sotto-later/loader.js"\n';

test('part that is loaded later is taken out of the folder of snippets and optimised', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-later-'));
  const from = join(folder, 'snippets/sotto-later');
  mkdirSync(from, { recursive: true });
  writeFileSync(join(from, 'loader.js'), LOADER);
  writeFileSync(join(from, 'split_pages.wasm'), 'part');
  const taken = takeLater(folder, (path) => `${readFileSync(path)}, optimised`);
  assert.deepEqual(taken, { parts: [{ name: 'split_pages.wasm', wasm: 'part, optimised' }], loader: LOADER });
  assert.deepEqual(readdirSync(join(folder, 'snippets')), []);
  assert.deepEqual(takeLater(folder), { parts: [], loader: '' });
});

test('loader becomes a piece of the glue and fetches each part from its final address', () => {
  const made = loading(`${IMPORTING}use(import2);`, LOADER, [['split_pages.wasm', '/later-pages-1.wasm']]);
  assert.doesNotMatch(made, /^(import|export) /m);
  const asked = [];
  new Function('use', 'fetch', made.replace(/^use.*$/m, '') + 'use(import2);')((loader) => loader.__wasm_split_load_pages(), (address) => asked.push(address));
  assert.deepEqual(asked, ['/later-pages-1.wasm']);
});

test('loader that is not as expected fails the build', () => {
  const addresses = [['split_pages.wasm', '/later-pages-1.wasm']];
  assert.throws(() => loading('use();', LOADER, addresses), /does not import the loader/);
  assert.throws(() => loading(IMPORTING, LOADER, [['split_other.wasm', '/x.wasm']]), /names split_other.wasm 0 times/);
  assert.throws(() => loading('import * as import1 from "__wasm_split_placeholder__"', '', []), /was not cut/);
  assert.throws(() => loading(IMPORTING, LOADER, []), /not what wasm_split_cli_support writes/);
});

test('page gives no hint to load a part before it is wanted', () => {
  const hints = '<link rel="modulepreload" href="/snippets/sotto-later/split_pages.wasm" crossorigin="anonymous">';
  assert.equal(withoutHints(`<head>${hints}<link href="/a.css"></head>`), '<head><link href="/a.css"></head>');
});

test('range of a part needs no stack', () => {
  const part = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(11, [1, 0, ...constant(2000), 2, 65, 65])]);
  assert.deepEqual(dataRange(part), { start: 2000, end: 2002 });
});

test('staged folder ends with hashed names, no inline script, and compressed copies', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-finish-'));
  writeFileSync(join(folder, 'index.html'), PAGE);
  writeFileSync(join(folder, 'sotto-app-c09b.js'), GLUE);
  writeFileSync(join(folder, 'sotto-app-c09b_bg.wasm'), assemble(1048576, [[1048576, 100]]));
  const made = await finish(folder);

  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  assert.match(page, new RegExp(`<script type="module" src="/${made.boot}"></script>`));
  assert.doesNotMatch(page, /sotto-app-c09b|import init/);
  assert.match(readFileSync(join(folder, made.boot), 'utf8'), new RegExp(`'/${made.glue}'[^]*'/${made.wasm}'`));
  for (const name of Object.values(made).flat()) assert.match(name, /^(app|boot)-[0-9a-f]{16}\.(js|wasm)$/);
  const glue = readFileSync(join(folder, made.glue));
  assert.deepEqual(brotliDecompressSync(readFileSync(join(folder, `${made.glue}.br`))), glue);
  assert.deepEqual(gunzipSync(readFileSync(join(folder, `${made.glue}.gz`))), glue);
  assert.ok(!readdirSync(folder).some((name) => name.startsWith('sotto-app')));

  const first = (await figures(folder)).find(({ name }) => name === 'size: first screen');
  assert.equal(first.within, true);
  assert.ok(first.value > 0 && first.budget === 600);
});

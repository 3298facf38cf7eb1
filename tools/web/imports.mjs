//! Gives the functions that the module imports from its glue short names, in both: wasm-bindgen's have 16 hex digits of a
//! hash, which no compression takes away. Owns just enough of the import section for that (WebAssembly 2.0, 5.5.5).
import { sections } from './wasm.mjs';

const IMPORT_SECTION = 2;
const FUNCTION = 0x00;

/** How wasm-bindgen names the glue in the module; what comes from snippets has another name. */
const GLUE = /_bg\.js$/;

/** The module and its glue with short names for what one imports from the other. */
export function shortened(wasm, glue) {
  const section = [...sections(wasm)].find(([id]) => id === IMPORT_SECTION);
  if (!section) throw new Error('the module imports nothing');
  const [, reader, { begin, end }] = section;
  const names = new Map();
  const count = reader.unsigned();
  const body = [unsigned(count)];
  for (let left = count; left > 0; left -= 1) {
    const from = reader.bytesOfLength();
    const name = reader.bytesOfLength();
    if (reader.byte() !== FUNCTION) throw new Error('the module imports more than functions');
    const type = unsigned(reader.unsigned());
    const given = GLUE.test(from.toString()) ? shortName(names, name.toString()) : name;
    body.push(named(from), named(Buffer.from(given)), Buffer.from([FUNCTION]), type);
  }
  const whole = Buffer.concat(body);
  const head = Buffer.concat([Buffer.from([IMPORT_SECTION]), unsigned(whole.length)]);
  return {
    wasm: Buffer.concat([wasm.subarray(0, begin), head, whole, wasm.subarray(end)]),
    glue: [...names].reduce((text, [name, short]) => replaceKey(text, name, short), glue),
  };
}

function shortName(names, name) {
  if (!names.has(name)) names.set(name, `_${names.size.toString(36)}`);
  return names.get(name);
}

/** The glue's functions are keys of one object, each named once. */
function replaceKey(glue, name, short) {
  const parts = glue.split(new RegExp(`\\b${name}\\b(?=: function)`));
  if (parts.length !== 2) throw new Error(`the glue has ${parts.length - 1} functions ${name}, not one`);
  return parts.join(short);
}

function unsigned(value) {
  const bytes = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

function named(bytes) {
  return Buffer.concat([unsigned(bytes.length), bytes]);
}

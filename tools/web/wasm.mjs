//! Reads from a WebAssembly module where its compiled-in data lies. Owns just enough of the binary format (sections, LEB128,
//! constant expressions) for that; it does not validate.

const GLOBAL_SECTION = 6;
const DATA_SECTION = 11;
const I32 = 0x7f;
const I32_CONST = 0x41;
const END = 0x0b;

/** The addresses `[start, end)` of linear memory that active data segments fill: what was compiled in. */
export function staticRange(wasm) {
  const range = dataRange(wasm);
  if (range.end === 0) throw new Error('the module has no data segment');
  const globals = [...sections(wasm)].filter(([id]) => id === GLOBAL_SECTION);
  const stackTops = globals.flatMap(([, reader]) => mutableI32Globals(reader));
  // The linker puts the stack below the data. Were it inside, a string made at run time could lie in the range.
  if (stackTops.some((top) => top > range.start)) throw new Error('the stack does not lie below the data');
  if (stackTops.length === 0) throw new Error('the module has no stack pointer');
  return range;
}

/** The same of a part that has no stack of its own; from infinity to nought when it has no data. */
export function dataRange(wasm) {
  const range = { start: Infinity, end: 0 };
  for (const [id, reader] of sections(wasm)) {
    if (id !== DATA_SECTION) continue;
    for (let left = reader.unsigned(); left > 0; left -= 1) {
      const flags = reader.unsigned();
      if (flags !== 0) throw new Error(`a data segment is passive or in a second memory (flags ${flags})`);
      const start = reader.constant();
      const end = start + reader.skip(reader.unsigned());
      range.start = Math.min(range.start, start);
      range.end = Math.max(range.end, end);
    }
  }
  return range;
}

/** The sections: id, a reader at the beginning of the body, and where the section begins and ends. */
export function* sections(wasm) {
  if (wasm.readUInt32LE(0) !== 0x6d736100) throw new Error('not a WebAssembly module');
  let at = 8;
  while (at < wasm.length) {
    const reader = new Reader(wasm, at + 1);
    const size = reader.unsigned();
    const end = reader.at + size;
    yield [wasm[at], reader, { begin: at, end }];
    at = end;
  }
}

/** Initial values of the module's mutable i32 globals; the stack pointer is one of them. */
function mutableI32Globals(reader) {
  const values = [];
  for (let left = reader.unsigned(); left > 0; left -= 1) {
    const type = reader.byte();
    const mutable = reader.byte() === 1;
    if (type !== I32) break; // Other globals come after; their expressions are not read.
    const value = reader.constant();
    if (mutable && value > 0) values.push(value);
  }
  return values;
}

class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  byte() {
    return this.bytes[this.at++];
  }

  skip(count) {
    this.at += count;
    return count;
  }

  /** Bytes with their length before them, such as a name. */
  bytesOfLength() {
    const length = this.unsigned();
    return this.bytes.subarray(this.at, (this.at += length));
  }

  unsigned() {
    let value = 0;
    for (let shift = 0, byte = 0x80; byte & 0x80; shift += 7) {
      byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
    }
    return value;
  }

  /** The value of `i32.const n; end`, as an address. */
  constant() {
    if (this.byte() !== I32_CONST) throw new Error('an address is not a constant');
    let value = 0;
    let shift = 0;
    let byte = 0x80;
    for (; byte & 0x80; shift += 7) {
      byte = this.byte();
      value |= (byte & 0x7f) << shift;
    }
    if (shift < 32 && byte & 0x40) value |= -1 << shift;
    if (this.byte() !== END) throw new Error('an address is not a constant');
    return value >>> 0;
  }
}

// Canaries: random texts that are put wherever a person writes, and searched for wherever they must not be (E10). Owns the
// encodings in which one could have been leaked. The twin of tests/src/canary.rs.
import { randomBytes } from 'node:crypto';

const letters = 'abcdefghijkmnpqrstuvwxyz23456789';

/** 20 random letters and digits, which stand nowhere by chance. */
export function canary(): string {
  return Array.from(randomBytes(20), (byte) => letters[byte % 32]).join('');
}

export function encodings(text: string): [string, Buffer][] {
  const bytes = Buffer.from(text, 'utf8');
  const hex = bytes.toString('hex');
  const found: [string, Buffer][] = [
    ['utf-8', bytes],
    ['utf-16le', Buffer.from(text, 'utf16le')],
    ['utf-16be', Buffer.from(text, 'utf16le').swap16()],
    ['hex', Buffer.from(hex)],
    ['hex', Buffer.from(hex.toUpperCase())],
  ];
  for (const before of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(before), bytes]);
    for (const alphabet of ['base64', 'base64url'] as const) {
      // The characters that depend on the canary alone, whatever stands before and after it.
      const inner = padded.toString(alphabet).slice(Math.ceil((before * 8) / 6), Math.floor((padded.length * 8) / 6));
      found.push([alphabet, Buffer.from(inner)]);
    }
  }
  return found;
}

/** Every canary that stands in a place: `what in place as encoding`. */
export function scan(canaries: Record<string, string>, places: Map<string, Buffer>): string[] {
  const hits: string[] = [];
  for (const [what, text] of Object.entries(canaries)) {
    for (const [encoding, needle] of encodings(text)) {
      for (const [place, bytes] of places) {
        if (bytes.includes(needle)) hits.push(`${what} in ${place} as ${encoding}`);
      }
    }
  }
  return hits;
}

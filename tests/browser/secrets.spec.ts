// What must stay secret: random canaries in every text, display name, draft and password of a journey, then searched for
// wherever they must not be (E7, E10).
import { expect, test } from './harness/journey.ts';
import { canary, encodings, scan } from './harness/canary.ts';
import { Link } from './harness/link.ts';
import { Person } from './harness/person.ts';

test('a planted canary is found in every encoding', () => {
  const text = canary();
  const places = new Map(encodings(text).map(([encoding, bytes], at) => [`${encoding} ${at}`, Buffer.concat([Buffer.from('..'), bytes])]));
  for (const [what, bytes] of places) expect(scan({ text }, new Map([[what, bytes]]))).not.toEqual([]);
  for (let before = 0; before < 4; before += 1) {
    const leak = Buffer.from(Buffer.from(`${'x'.repeat(before)}${text}yz`).toString('base64'));
    expect(scan({ text }, new Map([['place', leak]]))).not.toEqual([]);
  }
  expect(scan({ text: canary() }, places)).toEqual([]);
});

test('no text, name, draft or password stands in database, log, traffic or local store', async ({ person, server }) => {
  const link = await Link.to(server.port);
  const secret = {
    'name of ada': canary(),
    'name of ben': canary(),
    'new name of ada': canary(),
    'password of ada': canary(),
    'password of ben': canary(),
    'wrong password': canary(),
    'message of ada': canary(),
    'message of ben': canary(),
    note: canary(),
    draft: canary(),
  };
  const signInName = `user-${canary()}`;
  const opened = async (name: string, displayName: string, password: string) => {
    const { page } = await person(name, displayName, link.origin);
    return new Person(page, name, displayName, password);
  };
  const ada = await opened(signInName, secret['name of ada'], secret['password of ada']);
  const ben = await opened('ben', secret['name of ben'], secret['password of ben']);
  const bodies: string[] = [];
  for (const { page } of [ada, ben]) {
    page.on('request', (request) => bodies.push(request.url(), request.postData() ?? ''));
  }

  await ada.link('Sign in').click();
  await ada.signIn(secret['wrong password']);
  await expect(ada.page.getByRole('alert').first()).toBeVisible();
  await ada.page.goto('/');
  await ada.signUp();
  await ben.signUp();
  await ada.startDirect(ben);
  await ada.write(secret['message of ada']);
  await ben.open(secret['name of ada']);
  await ben.sees(secret['message of ada']);
  await ben.write(secret['message of ben']);
  await ada.sees(secret['message of ben']);
  await ben.field('Message').pressSequentially(secret.draft);
  await ada.link('Settings').click();
  await ada.field('Display name').fill(secret['new name of ada']);
  await ada.button('Save').click();
  await expect(ben.page.getByRole('heading', { name: secret['new name of ada'], level: 1 })).toBeVisible();
  await ada.page.goto('/');
  await ada.startNotes();
  await ada.write(secret.note);
  await ada.seesState(secret.note, 'sent');

  const local = new Map<string, Buffer>();
  for (const reader of [ada, ben]) {
    const { values, keys } = await reader.page.evaluate(dump);
    expect(values.length).toBeGreaterThan(10);
    local.set(`local store of ${reader.name}`, Buffer.concat(values.map((value) => Buffer.from(value, 'base64'))));
    // Every key that stands there can be used, and none can be read.
    expect(keys.length).toBeGreaterThan(0);
    expect(keys.filter((key) => key.extractable || key.exports)).toEqual([]);
    // What was written is in the store's size: the scan looked at something.
    expect(local.get(`local store of ${reader.name}`)?.length).toBeGreaterThan(10_000);
  }
  const traffic = link.carried();
  expect(traffic.length).toBeGreaterThan(50_000);
  const places = await server.everything();
  expect([...places.values()].reduce((sum, bytes) => sum + bytes.length, 0)).toBeGreaterThan(50_000);
  places.set('traffic', traffic).set('requests', Buffer.from(bodies.join('\n')));
  for (const [place, bytes] of local) places.set(place, bytes);
  expect(scan(secret, places)).toEqual([]);

  // The sign-in name is the one name that the server knows: it is in the database, and not in the log.
  const database = [...places].filter(([place]) => /\.(db|sqlite)/.test(place));
  expect(scan({ name: signInName }, new Map(database))).not.toEqual([]);
  expect(scan({ name: signInName }, new Map([['log', Buffer.from(server.log)]]))).toEqual([]);
  link.close();
});

/** Every value of every local database in base64, and what can be done with every key among them. Runs in the page. */
async function dump(): Promise<{ values: string[]; keys: { extractable: boolean; exports: boolean }[] }> {
  const values: string[] = [];
  const keys: { extractable: boolean; exports: boolean }[] = [];
  const text = (bytes: Uint8Array) => {
    let binary = '';
    for (const byte of bytes) binary += String.fromCharCode(byte);
    return btoa(binary);
  };
  const visit = async (value: unknown): Promise<void> => {
    if (value instanceof CryptoKey) {
      const exported = await crypto.subtle.exportKey('raw', value).then(
        () => true,
        () => false,
      );
      keys.push({ extractable: value.extractable, exports: exported });
    } else if (value instanceof ArrayBuffer) {
      values.push(text(new Uint8Array(value)));
    } else if (ArrayBuffer.isView(value)) {
      values.push(text(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)));
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        values.push(text(new TextEncoder().encode(name)));
        await visit(inner);
      }
    } else {
      values.push(text(new TextEncoder().encode(String(value))));
    }
  };
  const done = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name ?? ''));
    for (const table of database.objectStoreNames) {
      const store = database.transaction(table).objectStore(table);
      const [rows, names] = await Promise.all([done(store.getAll()), done(store.getAllKeys())]);
      for (const value of [...names, ...rows]) await visit(value);
    }
    database.close();
  }
  for (const storage of [localStorage, sessionStorage]) await visit({ ...storage });
  return { values, keys };
}

// What a person sees when the link, the server, the page or the tab goes away (T11, X1 as far as it stands).
import { expect, test } from './harness/journey.ts';
import type { Person } from './harness/person.ts';

const written = /^(one|two|three)\b/m;

test('after a reload both are signed in and the conversation is on screen from the local store', async ({ person }) => {
  const ada = await person('ada', 'Ada Byron');
  const ben = await person('ben', 'Ben Ono');
  await ada.signUp();
  await ben.signUp();
  await ada.startDirect(ben);
  await ada.write('remember me');
  await ben.open('Ada Byron');
  await ben.sees('remember me');
  await ada.seesState('remember me', 'read');

  for (const reader of [ada, ben]) {
    // The page comes from the server, whose commands cannot be reached: what is on screen is from this disk.
    await reader.context.route('**/api/**', (route) => route.abort('connectionrefused'));
    await reader.page.reload();
    await reader.sees('remember me');
    await expect(reader.row(reader === ada ? 'Ben Ono' : 'Ada Byron')).toBeVisible();
    await reader.seesStatus('reconnecting');
    await reader.context.unroute('**/api/**');
    await reader.reconnect();
    await expect(reader.message('remember me')).toHaveCount(1);
  }
  await ada.seesState('remember me', 'read');
  await ada.write('and me');
  await ben.sees('and me');
});

test('what is written while the server is stopped goes out once and in order', async ({ pair: { ada, ben }, server }) => {
  await server.stop();
  await ada.seesStatus('reconnecting');
  await expect(ada.status).toContainText(/Reconnecting: attempt \d+/);
  await expect(ada.button('Try now')).toBeVisible();
  for (const text of ['one', 'two', 'three']) {
    await ada.write(text);
    await ada.seesState(text, 'sending');
  }
  await server.startAgain();
  await ada.reconnect();
  await ada.seesState('three', 'read');
  await ben.sees('three');
  for (const reader of [ada, ben]) expect(await reader.texts(written)).toEqual(['one', 'two', 'three']);
});

type Pair = { ada: Person; ben: Person };

/** Writes three messages that cannot leave, lets the page come to its end, and goes on at the page that comes next. */
async function survives({ ada: before, ben }: Pair, end: (ada: Person) => Promise<Person>): Promise<void> {
  await before.context.route('**/api/**', (route) => route.abort('connectionrefused'));
  for (const text of ['one', 'two', 'three']) {
    await before.write(text);
    await before.seesState(text, 'sending');
  }
  const ada = await end(before);
  await ada.seesState('three', 'sending');
  await ada.context.unroute('**/api/**');
  await ada.reconnect();
  await ada.seesState('three', 'read');
  for (const reader of [ada, ben]) expect(await reader.texts(written)).toEqual(['one', 'two', 'three']);
}

test('what is written without a link goes out once and in order after a reload', async ({ pair }) => {
  await survives(pair, async (ada) => {
    await ada.page.reload();
    return ada;
  });
});

test('what is written without a link goes out once and in order after a killed tab', async ({ pair }) => {
  await survives(pair, async (ada) => {
    const address = ada.page.url();
    const devtools = await ada.context.newCDPSession(ada.page);
    const crashed = ada.page.waitForEvent('crash');
    // The command is never answered: the tab is gone.
    devtools.send('Page.crash').catch(() => {});
    await crashed;
    await ada.page.close();
    const page = await ada.context.newPage();
    await page.goto(address);
    return ada.at(page);
  });
});

test('without a network the status says so and messages wait until it is back', async ({ pair: { ada, ben } }) => {
  await expect(ada.status).toContainText('Online');

  await ada.context.setOffline(true);
  await ada.seesStatus('offline');
  await expect(ada.status).toContainText('Offline. Messages wait on this device.');
  await ada.write('one');
  await ada.seesState('one', 'sending');
  await ben.write('two');
  await ben.seesState('two', 'sent');
  await ada.context.setOffline(false);
  await ada.seesStatus('online');
  await ada.seesState('one', 'read');
  await ada.sees('two');
  await ben.seesState('two', 'read');
});

// Several tabs of one person (T12): they share one connection and one store, and whichever of them ends, the others go
// on.
import type { Page } from '@playwright/test';
import { expect, test } from './harness/journey.ts';
import type { Person } from './harness/person.ts';

/** How long a take-over may last. */
const takeOverMs = 3_000;

/** Another tab of the same browser, at the same address. */
async function tabOf(person: Person): Promise<Person> {
  const page = await person.context.newPage();
  await page.goto(person.page.url());
  const tab = person.at(page);
  await tab.seesStatus('online');
  return tab;
}

/** Who holds the lead, as the browser names it. */
function leadOf(page: Page): Promise<string | undefined> {
  return page.evaluate(async () => (await navigator.locks.query()).held?.[0]?.clientId);
}

/** Counts the streams that a browser opens from now on. */
function streamsOf(person: Person): { opened: number } {
  const streams = { opened: 0 };
  person.context.on('request', (request) => {
    if (new URL(request.url()).pathname === '/api/events') streams.opened += 1;
  });
  return streams;
}

const line = /line \d+\./;
const lines = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}.`);

/** Ends the tab that leads while the other one writes: the lead is taken over in time, nothing is lost or doubled. */
async function takenOver(follower: Person, reader: Person, end: () => Promise<unknown>): Promise<void> {
  const count = 12;
  const before = await leadOf(follower.page);
  const writing = (async () => {
    for (const text of lines(count)) await follower.write(text);
  })();
  await follower.sees('line 3.');
  const began = Date.now();
  await end();
  await expect.poll(() => leadOf(follower.page), { intervals: [20], timeout: takeOverMs }).not.toBe(before);
  const took = Date.now() - began;
  test.info().annotations.push({ type: 'taken over after', description: `${took} ms` });
  expect(took).toBeLessThan(takeOverMs);
  await writing;
  await follower.seesState(`line ${count}.`, 'read');
  for (const tab of [follower, reader]) {
    await expect.poll(() => tab.texts(line)).toEqual(lines(count));
  }
}

test('three tabs share one connection and each message stands in each of them once', async ({ person }) => {
  const ada = await person('ada');
  const ben = await person('ben');
  const streams = streamsOf(ada);
  await ada.signUp();
  await ben.signUp();
  await ada.startDirect(ben);
  await ben.open('ada');
  const tabs = [ada, await tabOf(ada), await tabOf(ada)];
  for (const [index, tab] of tabs.entries()) await tab.write(`from tab ${index + 1}`);
  await ben.write('from ben');
  const all = ['from tab 1', 'from tab 2', 'from tab 3', 'from ben'];
  for (const reader of [...tabs, ben]) {
    await expect.poll(() => reader.texts(/from (tab \d|ben)/)).toEqual(all);
  }
  for (const tab of tabs) await tab.seesState('from tab 1', 'read');
  expect(streams.opened).toBe(1);
});

test('each tab has its own conversation open', async ({ person }) => {
  const ada = await person('ada');
  const ben = await person('ben');
  await ada.signUp();
  await ben.signUp();
  await ada.startDirect(ben);
  await ada.write('to ben');
  const notes = await tabOf(ada);
  await notes.startNotes();
  await expect(notes.page.getByRole('heading', { name: 'Notes to self', level: 1 })).toBeVisible();
  await notes.write('to myself');
  await ada.write('to ben again');
  await notes.seesState('to myself', 'sent');
  await ben.open('ada');
  await ben.write('to ada');
  await ada.sees('to ada');
  expect(await ada.texts(/to (ben again|ben|ada|myself)/)).toEqual(['to ben', 'to ben again', 'to ada']);
  expect(await notes.texts(/to (ben|ada|myself)/)).toEqual(['to myself']);
  await expect(notes.row('ben')).toContainText('to ada');
});

test('a closed lead is taken over', async ({ pair: { ada, ben } }) => {
  const next = await tabOf(ada);
  await takenOver(next, ben, () => ada.page.close());
});

test('a crashed lead is taken over', async ({ pair: { ada, ben } }) => {
  const next = await tabOf(ada);
  const crashed = ada.page.waitForEvent('crash');
  const session = await ada.context.newCDPSession(ada.page);
  await takenOver(next, ben, async () => {
    // Never answered: there is nobody left to answer.
    session.send('Page.crash').catch(() => undefined);
    await crashed;
  });
});

test('a frozen lead is taken over and follows when it thaws', async ({ pair: { ada, ben } }) => {
  const next = await tabOf(ada);
  // Chromium freezes hidden pages only, and a page without a window is never hidden. The debugger stops it as
  // thoroughly: no task of the page runs, and its locks stay held.
  const session = await ada.context.newCDPSession(ada.page);
  await session.send('Debugger.enable');
  await takenOver(next, ben, () => session.send('Debugger.pause'));
  const lead = await leadOf(next.page);
  await session.send('Debugger.disable');
  await expect.poll(() => ada.texts(line)).toEqual(lines(12));
  await ada.write('thawed');
  for (const reader of [ada, next, ben]) await reader.sees('thawed');
  await ada.seesState('thawed', 'read');
  expect(await leadOf(next.page)).toBe(lead);
});

test('a lead that hangs is taken over and follows when it goes on', async ({ pair: { ada, ben } }) => {
  const next = await tabOf(ada);
  let hanging: Promise<unknown> = Promise.resolve();
  await takenOver(next, ben, async () => {
    hanging = ada.page.evaluate(() => {
      const end = Date.now() + 8_000;
      while (Date.now() < end);
    });
  });
  await hanging;
  await expect.poll(() => ada.texts(line)).toEqual(lines(12));
  await ada.write('back again');
  for (const reader of [ada, next, ben]) await reader.sees('back again');
});

test('what was typed into a lead that hangs is sent once', async ({ pair: { ada, ben } }) => {
  const next = await tabOf(ada);
  const before = await leadOf(next.page);
  await ada.field('Message').fill('line 1.');
  // The command is given, and the thread is held before anything of it can be written.
  await ada.page.evaluate(() => {
    document.querySelector('form button[type=submit], button[aria-label=Send]')?.dispatchEvent(
      new MouseEvent('click', { bubbles: true, cancelable: true }),
    );
    const end = Date.now() + 5_000;
    while (Date.now() < end);
  });
  await expect.poll(() => leadOf(next.page)).not.toBe(before);
  for (const reader of [ada, next, ben]) await expect.poll(() => reader.texts(line)).toEqual(['line 1.']);
  await ada.seesState('line 1.', 'read');
});

test('signing out in one tab signs out all, and signing in in one signs in all', async ({ person }) => {
  const ada = await person('ada');
  await ada.signUp();
  const other = await tabOf(ada);
  await other.link('Settings').click();
  await other.button('Sign out').click();
  await other.button('Sign out and erase').click();
  for (const tab of [ada, other]) await expect(tab.heading('Create your account')).toBeVisible();
  await other.link('Sign in').click();
  await other.signIn();
  for (const tab of [ada, other]) await tab.seesStatus('online');
});

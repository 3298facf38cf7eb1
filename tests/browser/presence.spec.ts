// Whether somebody is there, and who is shown it (M5); receipts that are kept to oneself (M4). Two people at a real server.
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './harness/journey.ts';
import { inspect } from './harness/look.ts';
import type { Person } from './harness/person.ts';

test.describe.configure({ timeout: 360_000 });

/** After so long out of sight nobody looks any more (the core's rule), and a bit. */
const untilAwayMs = 61_000;
/** The server's grace for who comes back (`PRESENCE_GRACE_MS`) and the telling. */
const untilOfflineMs = 60_000;

/** What stands under the other one's name. */
function line(viewer: Person): Locator {
  return viewer.page.locator('.bar-presence');
}

/** Hides a page, or shows it again, as the system would. */
async function look(page: Page, visibility: 'hidden' | 'visible'): Promise<void> {
  await page.evaluate((visibility) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => visibility });
    document.dispatchEvent(new Event('visibilitychange'));
  }, visibility);
}

async function choose(person: Person, group: string, option: string, said = 'Saved'): Promise<void> {
  await person.link('Settings').click();
  const card = person.page.getByRole('region', { name: 'Privacy' });
  await card.getByRole('radiogroup', { name: group }).getByRole('radio', { name: option }).check({ force: true });
  await expect(card.getByRole('status')).toHaveText(said);
}

test('two people see whether the other one is there, away, busy or gone', async ({ pair: { ada, ben } }) => {
  await expect(line(ada)).toHaveText('online');
  await expect(ada.row('ben')).toContainText('online');
  await expect(line(ben)).toHaveText('online');
  await inspect(ada.page, 'presence-online');

  // Who writes is there: that is said first.
  await ben.field('Message').pressSequentially('I was about to', { delay: 120 });
  await expect(line(ada)).toHaveText('typing…');
  await ben.field('Message').fill('');
  await expect(line(ada)).toHaveText('online');

  // Timers of before would be out of reach of who wants to stop them.
  await ben.page.clock.install();
  await ben.page.reload();
  await expect(line(ben)).toHaveText('online');
  await look(ben.page, 'hidden');
  await ben.page.clock.fastForward(untilAwayMs);
  await expect(line(ada)).toHaveText('away');
  await expect(ada.row('ben')).toContainText('away');
  await inspect(ada.page, 'presence-away');
  await look(ben.page, 'visible');
  await expect(line(ada)).toHaveText('online');

  await choose(ben, 'Your status', 'Busy');
  await expect(line(ada)).toHaveText('busy');
  await expect(ada.row('ben')).toContainText('busy');
  await expect(ben.page.getByText('You are shown as busy')).toBeAttached();
  await inspect(ada.page, 'presence-busy');
  await inspect(ben.page, 'presence-settings');

  await ben.page.close();
  await expect(line(ada)).toHaveText(/^last seen today at \d/, { timeout: untilOfflineMs });
  await expect(ada.row('ben')).not.toContainText('busy');
  await inspect(ada.page, 'presence-offline');
});

test('who shows it to nobody is shown nobody, in every tab', async ({ pair: { ada, ben } }) => {
  await expect(line(ada)).toHaveText('online');
  await expect(line(ben)).toHaveText('online');
  const other = ada.at(await ada.context.newPage());
  await other.page.goto(ada.page.url());
  await expect(line(other)).toHaveText('online');

  await choose(ada, 'Who sees when you are online', 'Nobody');
  await ada.open('ben');
  for (const viewer of [ada, other, ben]) await expect(line(viewer)).toHaveCount(0);
  await expect(ben.row('ada')).not.toContainText('online');

  await choose(other, 'Who sees when you are online', 'People in my conversations');
  await other.open('ben');
  for (const viewer of [ada, other, ben]) await expect(line(viewer)).toHaveText('online');
});

test('what was chosen without a connection is kept and told later', async ({ pair: { ada, ben } }) => {
  await expect(line(ben)).toHaveText('online');
  await ada.context.setOffline(true);
  await ada.seesStatus('offline');
  // What is not known is not shown.
  await expect(line(ada)).toHaveCount(0);
  await choose(ada, 'Your status', 'Busy', 'Saved. Others are told when you are online again.');
  await ada.context.setOffline(false);
  await expect(line(ben)).toHaveText('busy');
  await ada.page.reload();
  await expect(ada.page.getByRole('radio', { name: 'Busy' })).toBeChecked();
});

test('without read receipts nobody learns what was read, on either side', async ({ pair: { ada, ben } }) => {
  await ada.seesState('zero', 'read');
  const other = ben.at(await ben.context.newPage());
  await other.page.goto(ben.page.url());
  await other.sees('zero');
  await choose(ben, 'Read receipts', 'Off');
  await ben.open('ada');
  await ada.write('do you read this?');
  for (const reader of [ben, other]) await reader.sees('do you read this?');
  await ben.write('maybe');
  await ada.sees('maybe');
  // Ben's answer came after he had seen it: had he told, Ada would know by now.
  await ada.seesState('do you read this?', 'delivered');
  for (const writer of [ben, other]) await writer.seesState('maybe', 'delivered');

  await choose(ben, 'Read receipts', 'On');
  await ben.open('ada');
  await ada.write('and this?');
  await ada.seesState('and this?', 'read');
});

test('the smallest phone has room for a long name, who is there, and the settings', async ({ person }) => {
  const ada = await person('ada');
  const ben = await person('wilhelmina-longname_x_0123456789');
  await ada.signUp();
  await ben.signUp();
  await ben.startDirect(ada);
  await ben.write('hello');
  await ada.page.setViewportSize({ width: 320, height: 568 });
  await ada.open('wilhelmina-longname_x_0123456789');
  const tooWide = () => ada.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await expect(line(ada)).toHaveText('online');
  const words = await line(ada).evaluate((element) => element.scrollWidth - element.clientWidth);
  expect([await tooWide(), words]).toEqual([0, 0]);
  await ada.page.goBack();
  await ada.link('Settings').click();
  const card = ada.page.getByRole('region', { name: 'Privacy' });
  await expect(card).toBeVisible();
  const right = await card.evaluate((element) => element.getBoundingClientRect().right);
  expect(await tooWide()).toBe(0);
  expect(right).toBeLessThanOrEqual(320);
});

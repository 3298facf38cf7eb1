// The connection as a person sees it: the line of status in each of its states (X1), the page with figures, the button and
// the choice of a way (X2), and the log with its filters, search, pause and export (X3).
import { readFile } from 'node:fs/promises';
import { expect, test } from './harness/journey.ts';
import { inspect } from './harness/look.ts';
import type { Person } from './harness/person.ts';

test.describe.configure({ timeout: 240_000 });

async function openConnection(person: Person): Promise<void> {
  await person.link('Settings').click();
  await person.link('Connection and log').click();
  await expect(person.heading('Connection')).toBeVisible();
  await expect.poll(() => person.page.locator('.settings').evaluate((pane) => pane.scrollTop)).toBe(0);
}

/** The entries of the log on screen, newest first. */
function entries(person: Person) {
  return person.page.locator('.journal > li');
}

/** The value of a figure. */
function figure(person: Person, name: string) {
  return person.page.locator('.figures > div').filter({ has: person.page.getByText(name, { exact: true }) }).locator('dd');
}

test('the status says what carries the stream, which attempt comes next, and when there is no network', async ({
  person,
  server,
}) => {
  const ada = await person('ada');
  await expect(ada.status).toHaveAttribute('data-status', 'signed-out');
  await ada.signUp();
  await expect(ada.status).toContainText(/(Server-sent events|WebSocket|Long polling) · \d+ ms/);
  await server.stop();
  await ada.seesStatus('reconnecting');
  await expect(ada.status).toContainText(/attempt \d+, next try in \d+ s|attempt \d+…/);
  await ada.context.setOffline(true);
  await ada.seesStatus('offline');
  await ada.context.setOffline(false);
  await server.startAgain();
  await ada.reconnect();
  await ada.link('Settings').click();
  await ada.button('Sign out').click();
  await ada.button('Sign out and erase').click();
  await expect(ada.status).toHaveAttribute('data-status', 'signed-out');
});

test('the page shows figures, and its button reconnects at once', async ({ person, server }) => {
  const ada = await person('ada');
  await ada.signUp();
  await openConnection(ada);
  await expect(figure(ada, 'Carried by')).toHaveText(/Server-sent events|WebSocket|Long polling/);
  await expect(figure(ada, 'Round trip')).toHaveText(/^\d+ ms$/);
  await expect(figure(ada, 'Received')).toHaveText(/^[1-9][\d,. ]* kB$/);
  await expect(figure(ada, 'Attempt')).toHaveText('–');
  await inspect(ada.page, 'connection');
  await server.stop();
  await ada.seesStatus('reconnecting');
  await expect(figure(ada, 'Attempt')).toHaveText(/^\d+$/);
  await expect(figure(ada, 'Last end')).toHaveText(/ · /);
  await inspect(ada.page, 'connection-lost');
  await server.startAgain();
  await ada.button('Reconnect now').click();
  await ada.seesStatus('online');
});

test('the log can be filtered, searched, held, opened and exported', async ({ person, server }) => {
  const ada = await person('ada');
  await ada.signUp();
  await server.stop();
  await ada.seesStatus('reconnecting');
  await server.startAgain();
  await ada.reconnect();
  await openConnection(ada);

  const all = await entries(ada).count();
  expect(all).toBeGreaterThan(4);
  const warnings = ada.page.getByLabel(/^Warning \d+$/);
  const counted = Number(/\d+/.exec(await warnings.evaluate((box) => box.closest('label')?.textContent ?? ''))?.[0]);
  expect(counted).toBeGreaterThan(0);
  await warnings.uncheck();
  await expect(entries(ada)).toHaveCount(all - counted);
  await warnings.check();
  await expect(entries(ada)).toHaveCount(all);

  await ada.page.getByLabel('Search').fill('CAUGHT UP');
  await expect(entries(ada).first()).toContainText('Caught up');
  expect(await entries(ada).count()).toBeLessThan(all);
  await ada.page.getByLabel('Search').fill('no such entry');
  await expect(ada.page.getByText('Nothing to show')).toBeVisible();
  await ada.page.getByLabel('Search').fill('');
  await ada.page.getByLabel('About').selectOption({ index: 1 });
  await expect(entries(ada).first()).toBeVisible();
  await ada.page.getByLabel('About').selectOption({ index: 0 });

  await ada.button('Pause').click();
  const held = await entries(ada).count();
  await server.stop();
  await ada.seesStatus('reconnecting');
  await expect(entries(ada)).toHaveCount(held);
  await ada.button('Go on').click();
  await expect(entries(ada)).not.toHaveCount(held);
  await entries(ada).first().locator('summary').click();
  await expect(entries(ada).first().locator('pre')).toContainText('"severity"');
  await inspect(ada.page, 'connection-log');

  const [download] = await Promise.all([ada.page.waitForEvent('download'), ada.button('Export').click()]);
  const exported = await readFile(await download.path(), 'utf8');
  const parsed = JSON.parse(exported) as { at: number; severity: string; kind: unknown }[];
  expect(parsed.length).toBeGreaterThan(held);
  for (const secret of ['ticket=', ada.name, ada.password, 'Bearer']) expect(exported).not.toContain(secret);
});

// What can be done with a message (M3): its menu, by pointer, by touch and by keys.
import { expect, test } from './harness/journey.ts';
import { inspect } from './harness/look.ts';
import type { Person } from './harness/person.ts';

test.describe.configure({ timeout: 360_000 });

/** What was copied, as it is pasted where one writes: the page itself may not read it. */
async function pastes(person: Person, text: string): Promise<void> {
  await expect(person.page.getByText('Copied', { exact: true })).toBeVisible();
  await person.field('Message').fill('');
  await person.page.keyboard.press('ControlOrMeta+v');
  await expect(person.field('Message')).toHaveValue(text);
  await person.field('Message').fill('');
}

test('a text is copied as it was written, by button, by the other button and by keys', async ({ pair: { ada, ben } }) => {
  await ada.write('**first** words');
  await ada.write('second words');
  await ben.sees('second words');
  const menu = ben.page.getByRole('menu', { name: 'Message actions' });

  await ben.message('first words').hover();
  await ben.message('first words').getByRole('button', { name: 'Message actions' }).click();
  await expect(menu.getByRole('menuitem', { name: 'Copy text' })).toBeFocused();
  await inspect(ben.page, 'message-menu');
  await menu.getByRole('menuitem', { name: 'Copy text' }).click();
  await expect(menu).toBeHidden();
  await pastes(ben, '**first** words');

  await ben.message('second words').locator('.bubble').click({ button: 'right' });
  await menu.getByRole('menuitem', { name: 'Copy text' }).click();
  await pastes(ben, 'second words');

  const log = ben.page.getByRole('log', { name: 'Messages' });
  const { keyboard } = ben.page;
  await log.focus();
  await keyboard.press('Enter');
  await expect(ben.message('second words').getByRole('button', { name: 'Message actions' })).toBeFocused();
  await keyboard.press('ArrowUp');
  const first = ben.message('first words').getByRole('button', { name: 'Message actions' });
  await expect(first).toBeFocused();
  await keyboard.press('Enter');
  await expect(menu.getByRole('menuitem', { name: 'Copy text' })).toBeFocused();
  await keyboard.press('Escape');
  await expect(menu).toBeHidden();
  await expect(first).toBeFocused();
  await keyboard.press('Enter');
  await keyboard.press('Enter');
  await pastes(ben, '**first** words');
  await first.focus();
  await keyboard.press('Escape');
  await expect(log).toBeFocused();
});

test('a menu stays within the smallest phone', async ({ pair: { ada } }) => {
  await ada.page.setViewportSize({ width: 320, height: 568 });
  const message = ada.message('zero');
  await message.getByRole('button', { name: 'Message actions' }).click();
  const menu = ada.page.getByRole('menu', { name: 'Message actions' });
  await expect(menu).toBeVisible();
  const box = await menu.evaluate((element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return { left, top, right, bottom };
  });
  expect(box.left).toBeGreaterThanOrEqual(0);
  expect(box.top).toBeGreaterThanOrEqual(0);
  expect(box.right).toBeLessThanOrEqual(320);
  expect(box.bottom).toBeLessThanOrEqual(568);
  expect(await ada.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBe(0);
});

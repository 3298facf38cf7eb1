// A long conversation: the newest page first, older ones on scroll (M2).
import { expect, test } from './harness/journey.ts';

test('a long history opens at its end and brings older messages on scroll', async ({ person }) => {
  const count = 210;
  const ada = await person('ada');
  await ada.signUp();
  await ada.startNotes();
  const field = ada.field('Message');
  for (let number = 1; number <= count; number += 1) {
    await field.fill(`note ${number}.`);
    await field.press('Enter');
    await expect(field).toHaveValue('');
  }
  await ada.seesState(`note ${count}.`, 'sent');

  await ada.page.reload();
  await expect(ada.message(`note ${count}.`)).toBeInViewport();
  await expect(ada.message('note 1.')).toHaveCount(0);
  const shown = await ada.texts(/note \d+\./);
  expect(shown.length).toBeLessThan(count / 2);
  expect(shown.at(-1)).toBe(`note ${count}.`);

  // Scrolling up, page by page, until the first one is there.
  const log = ada.page.getByRole('log', { name: 'Messages' });
  await log.hover();
  await expect(async () => {
    await ada.page.mouse.wheel(0, -4_000);
    await expect(ada.message('note 1.')).toBeInViewport({ timeout: 250 });
  }).toPass();
  const all = await ada.texts(/note \d+\./);
  expect(all).toEqual(Array.from({ length: count }, (_, index) => `note ${index + 1}.`));

  await ada.page.getByRole('button', { name: /^Jump to newest/ }).click();
  await expect(ada.message(`note ${count}.`)).toBeInViewport();
});

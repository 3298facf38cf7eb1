// A long conversation: the newest page first, older ones on scroll (M2).
import { expect, test } from './harness/journey.ts';

test.describe.configure({ timeout: 360_000 });

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
  const numbers = async () => (await ada.texts(/note \d+\./)).map((text) => Number(/\d+/.exec(text)?.[0]));
  const first = await numbers();
  expect(first.length).toBeLessThan(count / 2);
  expect(first.at(-1)).toBe(count);

  // Scrolling up until the first one is there. What is on the page is always a run without gap or repetition, and all of
  // the runs together are the whole.
  const seen = new Set<number>();
  const log = ada.page.getByRole('log', { name: 'Messages' });
  await log.hover();
  await expect(async () => {
    const shown = await numbers();
    const [oldest = 0] = shown;
    expect(shown).toEqual(shown.map((_, index) => oldest + index));
    for (const number of shown) seen.add(number);
    if (oldest > 1) await ada.page.mouse.wheel(0, -400);
    expect(oldest).toBe(1);
  }).toPass({ intervals: [50], timeout: 60_000 });
  await expect(async () => {
    await ada.page.mouse.wheel(0, -400);
    await expect(ada.message('note 1.')).toBeInViewport({ timeout: 250 });
  }).toPass();
  expect(seen.size).toBe(count);

  await ada.page.getByRole('button', { name: /^Jump to newest/ }).click();
  await expect(ada.message(`note ${count}.`)).toBeInViewport();
});

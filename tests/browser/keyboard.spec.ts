// The main journey by keyboard alone (W8): Tab, Enter, Space and letters, and no pointer anywhere.
import type { Page } from '@playwright/test';
import { expect, test } from './harness/journey.ts';

/** Presses Tab until the element of this role and name has the focus, as somebody does who cannot point. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    const focused = page.locator(':focus');
    if ((await focused.count()) === 1) {
      const label = await focused.evaluate((element) => {
        const labels = (element as HTMLInputElement).labels;
        const said = (labels?.[0] ?? element).cloneNode(true) as Element;
        for (const silent of said.querySelectorAll('[aria-hidden=true]')) silent.remove();
        return element.ariaLabel ?? said.textContent ?? '';
      });
      if (name.test(label.trim())) return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not come to ${name}`);
}

test('sign-up, a conversation, a message and sign-out need no pointer', async ({ person }) => {
  const ben = await person('ben', 'Ben Ono');
  await ben.signUp();
  const ada = await person('ada', 'Ada Byron');
  const { keyboard } = ada.page;
  await expect(ada.heading('Create your account')).toBeVisible();
  await tabTo(ada.page, /^Name/);
  await keyboard.type('ada');
  await tabTo(ada.page, /^Display name/);
  await keyboard.type('Ada Byron');
  await tabTo(ada.page, /^Password/);
  await keyboard.type('passphrase of ada');
  await keyboard.press('Enter');
  await ada.seesStatus('online');

  await tabTo(ada.page, /^New conversation/);
  await keyboard.press('Enter');
  const dialog = ada.page.getByRole('dialog', { name: 'New conversation' });
  await expect(dialog).toBeVisible();
  await keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(ada.newConversation).toBeFocused();
  await keyboard.press('Enter');
  await expect(dialog).toBeVisible();
  await tabTo(ada.page, /^Name/);
  await keyboard.type('ben');
  await keyboard.press('Enter');
  await expect(dialog).toBeHidden();

  await expect(ada.field('Message')).toBeVisible();
  await tabTo(ada.page, /^Message$/);
  await keyboard.type('by keyboard');
  await keyboard.press('Shift+Enter');
  await keyboard.type('in two lines');
  await keyboard.press('Enter');
  await ada.seesState('by keyboard', 'delivered');
  await expect(ada.field('Message')).toBeFocused();
  await ben.open('Ada Byron');
  await ben.sees('in two lines');

  await tabTo(ada.page, /^Settings/);
  await keyboard.press('Enter');
  await expect(ada.heading('Settings')).toBeVisible();
  await tabTo(ada.page, /^Sign out/);
  await keyboard.press('Enter');
  await expect(ada.page.getByRole('dialog', { name: 'Sign out?' })).toBeVisible();
  await tabTo(ada.page, /^Sign out and erase/);
  await keyboard.press('Enter');
  await expect(ada.heading('Create your account').or(ada.heading('Welcome back'))).toBeVisible();
});

// Accounts as a person meets them: sign-up, sign-in, sign-out, and what the forms say when they are refused.
import { type Locator } from '@playwright/test';
import { expect, test } from './harness/journey.ts';
import type { Person } from './harness/person.ts';

/** The field is marked wrong and says why, where a screen reader finds it. */
async function expectRefusal(field: Locator): Promise<void> {
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  const reason = await field.getAttribute('aria-describedby');
  expect(reason).not.toBeNull();
}

async function signOut(person: Person): Promise<void> {
  await person.link('Settings').click();
  await person.button('Sign out').click();
  await person.page.getByRole('dialog', { name: 'Sign out?' }).getByRole('button', { name: 'Sign out and erase' }).click();
  await expect(person.heading('Create your account').or(person.heading('Welcome back'))).toBeVisible();
}

test('a taken name is refused at sign-up and another one is not', async ({ person }) => {
  const ada = await person('ada');
  await ada.signUp();
  const other = await person('ada');
  await other.field('Name').fill('ada');
  await other.field('Password').fill('another passphrase');
  await other.button('Create account').click();
  await expect(other.page.getByRole('alert').first()).toBeVisible();
  await expectRefusal(other.field('Name'));
  await other.field('Name').fill('ada-2');
  await other.button('Create account').click();
  await other.seesStatus('online');
});

test('a wrong password and an unknown name are refused alike', async ({ person }) => {
  const ada = await person('ada');
  await ada.signUp();
  const guest = await person('ada');
  await guest.link('Sign in').click();
  await guest.signIn('not the passphrase');
  const alert = guest.page.getByRole('alert').first();
  await expect(alert).toBeVisible();
  const wrongPassword = await alert.innerText();
  await guest.field('Name').fill('nobody-here');
  await guest.field('Password').fill('not the passphrase either');
  await guest.button('Sign in').click();
  await expect(guest.button('Sign in')).toBeEnabled();
  await expect(alert).toHaveText(wrongPassword);
});

test('a short password and a name that breaks the rule are refused before anything is sent', async ({ person }) => {
  const ada = await person('ada');
  const sent: string[] = [];
  ada.page.on('request', (request) => sent.push(new URL(request.url()).pathname));
  await ada.field('Name').fill('ada');
  await ada.field('Password').fill('short');
  await ada.button('Create account').click();
  await expectRefusal(ada.field('Password'));
  await ada.field('Name').fill('a!');
  await ada.field('Password').fill('long enough for this');
  await ada.button('Create account').click();
  await expectRefusal(ada.field('Name'));
  expect(sent.filter((path) => path.startsWith('/api/accounts'))).toEqual([]);
});

test('an unknown person is not found', async ({ person }) => {
  const ada = await person('ada');
  await ada.signUp();
  await ada.newConversation.click();
  const dialog = ada.page.getByRole('dialog', { name: 'New conversation' });
  await dialog.getByLabel('Name', { exact: true }).fill('nobody-here');
  await dialog.getByRole('button', { name: 'Start conversation' }).click();
  await expect(dialog.getByRole('alert')).toBeVisible();
  await expectRefusal(dialog.getByLabel('Name', { exact: true }));
});

test('signing out erases the device, and signing in again finds the conversation and goes on', async ({ person }) => {
  const ada = await person('ada', 'Ada Byron');
  const ben = await person('ben', 'Ben Ono');
  await ada.signUp();
  await ben.signUp();
  await ada.startDirect(ben);
  await ada.write('before signing out');
  await ada.seesState('before signing out', 'delivered');

  await signOut(ada);
  const left = await ada.page.evaluate(async () => {
    const rows: string[] = [];
    for (const { name } of await indexedDB.databases()) {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open(name ?? '');
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error);
      });
      for (const table of database.objectStoreNames) {
        const counting = database.transaction(table).objectStore(table).count();
        const count = await new Promise<number>((resolve) => (counting.onsuccess = () => resolve(counting.result)));
        // The store's own table holds the new sealing key and the number of the writer.
        if (count > 0 && table !== 'sotto') rows.push(`${table}: ${count}`);
      }
      database.close();
    }
    return rows;
  });
  expect(left).toEqual([]);

  await ada.page.goto('/sign-in');
  await ada.signIn();
  await ada.seesStatus('online');
  await ada.row('ben').or(ada.row('Ben Ono')).first().click();
  await expect(ada.page.locator('[data-body=joined]')).toBeVisible();
  await expect(ada.message('before signing out')).toHaveCount(0);
  await ada.write('after signing in');
  await ben.open('Ada Byron');
  await ben.sees('before signing out');
  await ben.sees('after signing in');
  await ben.write('welcome back');
  await ada.sees('welcome back');
});

test('the theme and the display name are kept', async ({ person }) => {
  const ada = await person('ada');
  const ben = await person('ben');
  await ada.signUp();
  await ben.signUp();
  await ada.startDirect(ben);
  await ada.write('hello');
  await ben.open('ada');

  await ada.link('Settings').click();
  await ada.field('Display name').fill('Ada, Countess of Lovelace');
  await ada.button('Save').click();
  await expect(ada.page.getByText('Saved')).toBeVisible();
  await expect(ben.page.getByRole('heading', { name: 'Ada, Countess of Lovelace', level: 1 })).toBeVisible();

  const theme = ada.page.locator('html');
  await expect(theme).not.toHaveAttribute('data-theme');
  await ada.page.getByRole('radio', { name: 'Dark' }).check();
  await expect(theme).toHaveAttribute('data-theme', 'dark');
  await ada.page.reload();
  await expect(theme).toHaveAttribute('data-theme', 'dark');
  await ada.page.getByRole('radio', { name: 'System' }).check();
  await expect(theme).not.toHaveAttribute('data-theme');
  await expect(ada.field('Display name')).toHaveValue('Ada, Countess of Lovelace');
});

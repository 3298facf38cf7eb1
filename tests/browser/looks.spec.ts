// Every page and state, phone and desktop, light and dark: axe finds nothing (W8), nothing is wider than the screen, and a
// screenshot of each stands in artefacts/screens.
import { expect, test } from './harness/journey.ts';
import { inspect } from './harness/look.ts';

// Four looks of every state, each read by axe: a minute and a half for the longest of these on two busy cores.
test.describe.configure({ timeout: 360_000 });

test('pages before sign-in are accessible', async ({ person }) => {
  const ada = await person('ada', 'Ada Byron');
  await expect(ada.heading('Create your account')).toBeVisible();
  await inspect(ada.page, 'sign-up');
  await ada.field('Name').fill('a!');
  await ada.field('Password').fill('short');
  await ada.button('Create account').click();
  await expect(ada.page.getByRole('alert').first()).toBeVisible();
  await inspect(ada.page, 'sign-up-refused');
  await ada.link('Sign in').click();
  await expect(ada.heading('Welcome back')).toBeVisible();
  await inspect(ada.page, 'sign-in');
  await ada.signIn();
  await expect(ada.page.getByRole('alert').first()).toBeVisible();
  await inspect(ada.page, 'sign-in-refused');
});

test('list, conversation and dialogs are accessible', async ({ person }) => {
  const ada = await person('ada', 'Ada Byron');
  await ada.signUp();
  await inspect(ada.page, 'list-empty');
  await ada.newConversation.click();
  await expect(ada.page.getByRole('dialog', { name: 'New conversation' })).toBeVisible();
  await inspect(ada.page, 'new-conversation');
  await ada.page.keyboard.press('Escape');

  const ben = await person('ben', 'Ben Ono');
  await ben.signUp();
  await ada.startDirect(ben);
  await inspect(ada.page, 'conversation-empty');
  await ada.write('Good morning! Did the parcel with the punched cards arrive?');
  await ben.open('Ada Byron');
  await ben.write('It did. Twelve hundred of them, and not one is bent.');
  await ben.write('A very long word to see what happens to it: ' + 'antidisestablishmentarianism'.repeat(8));
  await ada.sees('Twelve hundred');
  await ada.write('Then we begin tomorrow.');
  await ada.seesState('Then we begin tomorrow.', 'read');
  await inspect(ada.page, 'conversation');
  await ben.field('Message').pressSequentially('Until tomorrow then, and bring the other box', { delay: 120 });
  await expect(ada.page.getByText('Ben Ono is typing…')).toBeVisible();
  await inspect(ben.page, 'conversation-draft');

  await ada.page.goto('/');
  await ben.write('Until tomorrow.');
  await expect(ada.row('Ben Ono')).toContainText('Until tomorrow.');
  await expect(ada.page).toHaveTitle(/^\(1\)/);
  await inspect(ada.page, 'list-unread');
});

test('states of the link and of a message are accessible', async ({ person, server }) => {
  const ada = await person('ada', 'Ada Byron');
  await ada.signUp();
  await ada.startNotes();
  await ada.write('kept');
  await ada.seesState('kept', 'sent');
  await inspect(ada.page, 'notes');

  await ada.page.route('**/api/messages/send', async (route) => {
    const request = route.request().postDataJSON() as { requestId: string };
    const payload = { code: 'not_a_member', retry: 'never', message: 'only members may do this' };
    const envelope = { type: 'error', payload, requestId: request.requestId, timestamp: new Date().toISOString() };
    await route.fulfill({ status: 403, json: envelope });
  });
  await ada.write('refused');
  await ada.seesState('refused', 'failed');
  await inspect(ada.page, 'message-failed');
  await ada.page.unroute('**/api/messages/send');

  await server.stop();
  await ada.seesStatus('reconnecting');
  await ada.write('waiting');
  await ada.seesState('waiting', 'sending');
  await inspect(ada.page, 'reconnecting');
  await ada.context.setOffline(true);
  await ada.seesStatus('offline');
  await inspect(ada.page, 'offline');
});

test('settings and sign-out are accessible', async ({ person }) => {
  const ada = await person('ada', 'Ada Byron');
  await ada.signUp();
  await ada.link('Settings').click();
  await expect(ada.heading('Settings')).toBeVisible();
  await inspect(ada.page, 'settings');
  await ada.button('Sign out').click();
  await expect(ada.page.getByRole('dialog', { name: 'Sign out?' })).toBeVisible();
  await inspect(ada.page, 'sign-out');
});

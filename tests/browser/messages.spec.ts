// The spine as two people see it: sign up, find each other, write, and see how far each message has come (M1, G2).
import { expect, test } from './harness/journey.ts';

test('two people sign up, find each other and see every state of their messages', async ({ person, server }) => {
  const ada = await person('ada', 'Ada Byron');
  const ben = await person('ben', 'Ben Ono');
  await ada.signUp();
  await ben.signUp();

  await ada.startDirect(ben);
  await ada.write('hello from ada');
  await ben.open('Ada Byron');
  await ben.sees('hello from ada');
  await ada.seesState('hello from ada', 'read');
  await expect(ada.message('hello from ada').getByRole('img', { name: 'Read', exact: true })).toBeVisible();

  await ben.write('hello from ben');
  await ada.sees('hello from ben');
  await expect(ada.message('hello from ben')).toHaveAttribute('data-author', 'other');
  await expect(ada.page.getByRole('heading', { name: 'Ben Ono', level: 1 })).toBeVisible();
  await ben.seesState('hello from ben', 'read');

  // Ben looks elsewhere: stored by his device, not seen.
  await ben.link('Settings').click();
  await ada.write('are you there');
  await ada.seesState('are you there', 'delivered');
  await expect(ben.page).toHaveTitle(/^\(1\)/);

  // Ben is away: in the server's log, on nobody's device.
  await ben.page.close();
  await ada.write('still there?');
  await ada.seesState('still there?', 'sent');

  await server.stop();
  await ada.seesStatus('reconnecting');
  await ada.write('into the void');
  await ada.seesState('into the void', 'sending');
  await server.startAgain();
  await ada.seesState('into the void', 'sent');
  expect(await ada.texts(/hello from \w+|are you there|still there\?|into the void/)).toEqual([
    'hello from ada',
    'hello from ben',
    'are you there',
    'still there?',
    'into the void',
  ]);
});

test('a refused message is kept with a way to try it again or forget it', async ({ person }) => {
  const ada = await person('ada');
  const ben = await person('ben');
  await ada.signUp();
  await ben.signUp();
  await ada.startDirect(ben);
  await ada.write('first');
  await ada.seesState('first', 'delivered');

  // A refusal for good has no honest cause that a person can bring about yet: the answer is put in the server's mouth.
  await ada.page.route('**/api/messages/send', async (route) => {
    const request = route.request().postDataJSON() as { requestId: string };
    const payload = { code: 'not_a_member', retry: 'never', message: 'only members may do this' };
    const envelope = { type: 'error', payload, requestId: request.requestId, timestamp: new Date().toISOString() };
    await route.fulfill({ status: 403, json: envelope });
  });
  await ada.write('try me');
  await ada.seesState('try me', 'failed');
  await expect(ada.message('try me')).toContainText('Not sent');
  await ada.write('forget me');
  await ada.seesState('forget me', 'failed');
  await ada.page.unroute('**/api/messages/send');

  await ada.message('forget me').getByRole('button', { name: 'Discard' }).click();
  await expect(ada.message('forget me')).toHaveCount(0);
  await ada.message('try me').getByRole('button', { name: 'Try again' }).click();
  await ada.seesState('try me', 'delivered');
  await ben.open('ada');
  await ben.sees('try me');
  await expect(ben.message('forget me')).toHaveCount(0);
});

test('both write at once and read the same order', async ({ pair: { ada, ben } }) => {
  const numbers = [1, 2, 3, 4, 5, 6];
  await Promise.all(
    [ada, ben].map(async (writer) => {
      for (const number of numbers) await writer.write(`${writer.name} writes ${number}`);
    }),
  );
  for (const reader of [ada, ben]) {
    await expect.poll(() => reader.texts(/(ada|ben) writes \d/)).toHaveLength(2 * numbers.length);
  }
  await ada.seesState('ada writes 6', 'read');
  await ben.seesState('ben writes 6', 'read');
  const order = await ada.texts(/(ada|ben) writes \d/);
  expect(await ben.texts(/(ada|ben) writes \d/)).toEqual(order);
  expect(order.filter((text) => text.startsWith('ada'))).toEqual(numbers.map((number) => `ada writes ${number}`));
  expect(order.filter((text) => text.startsWith('ben'))).toEqual(numbers.map((number) => `ben writes ${number}`));
});

test('somebody sees that the other one is writing', async ({ person }) => {
  const ada = await person('ada', 'Ada Byron');
  const ben = await person('ben');
  await ada.signUp();
  await ben.signUp();
  await ada.startDirect(ben);
  await ada.write('hello');
  await ben.open('Ada Byron');
  // As slowly as people write: notices are throttled.
  await ada.field('Message').pressSequentially('I was about to say something longer', { delay: 120 });
  await expect(ben.page.getByText('Ada Byron is typing…')).toBeVisible();
  await ada.field('Message').fill('');
  await expect(ben.page.getByText('Ada Byron is typing…')).toBeHidden();
});

test('notes to self are one conversation and keep what is written', async ({ person }) => {
  const ada = await person('ada');
  await ada.signUp();
  await ada.startNotes();
  const first = ada.page.url();
  await ada.write('buy milk');
  await ada.seesState('buy milk', 'sent');
  await ada.page.goto('/');
  await ada.startNotes();
  expect(ada.page.url()).toBe(first);
  await ada.sees('buy milk');
});

// Pages that are loaded after the first screen: what a person sees when that fails, and that trying again helps.
import { expect, test } from './harness/journey.ts';

const PARTS = '**/later-*.wasm';

for (const page of [
  { path: '/settings', title: 'Settings' },
  { path: '/connection', title: 'Connection' },
]) {
  test(`${page.title} that cannot be loaded says so, and trying again opens it`, async ({ person }) => {
    const ada = await person('ada');
    await ada.page.route(PARTS, (route) => route.abort());
    await ada.signUp();
    await ada.page.goto(page.path);
    await expect(ada.page.getByRole('alert')).toContainText('could not be loaded');
    await ada.button('Try again').click();
    await expect(ada.page.getByRole('alert')).toContainText('could not be loaded');
    await ada.page.unroute(PARTS);
    await ada.button('Try again').click();
    await expect(ada.heading(page.title)).toBeVisible();
    await expect(ada.page.getByRole('alert')).toHaveCount(0);
  });
}

test('pages are there without a network once nothing else was to do', async ({ person }) => {
  const ada = await person('ada');
  const part = ada.page.waitForResponse(PARTS);
  await ada.signUp();
  await (await part).finished();
  await ada.page.route(PARTS, (route) => route.abort());
  await ada.link('Settings').click();
  await expect(ada.heading('Settings')).toBeVisible();
});

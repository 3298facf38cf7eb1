// The self-test as a person runs it (E12): every check passes in a browser that works, one that computes something else is
// named, and nothing stays behind.
import { expect, test } from './harness/journey.ts';
import { inspect } from './harness/look.ts';
import type { Person } from './harness/person.ts';

const CHECKS = 9;

async function run(person: Person): Promise<void> {
  await person.link('Settings').click();
  await person.link('Connection and log').click();
  await person.button('Run the self-test').click();
}

function checks(person: Person) {
  return person.page.locator('.check');
}

test('the self-test passes, says how long each check took, and leaves no store behind', async ({ person }) => {
  const ada = await person('ada');
  await ada.signUp();
  await run(ada);
  await expect(ada.page.getByText('Everything works.')).toBeVisible({ timeout: 60_000 });
  await expect(checks(ada)).toHaveCount(CHECKS);
  await expect(checks(ada).filter({ hasText: /\d+ ms$/ })).toHaveCount(CHECKS);
  const stores = await ada.page.evaluate(async () => (await indexedDB.databases()).map((store) => store.name));
  expect(stores).toEqual(['sotto']);
  await checks(ada).last().scrollIntoViewIfNeeded();
  await inspect(ada.page, 'self-test');
});

test('the self-test names a store that does not keep what it is given', async ({ person }) => {
  const ada = await person('ada');
  await ada.signUp();
  await ada.page.evaluate(() => {
    const open = indexedDB.open.bind(indexedDB);
    indexedDB.open = (name: string, version?: number) => {
      if (name.startsWith('sotto-self-test')) throw new DOMException('refused by the test', 'UnknownError');
      return open(name, version);
    };
  });
  await run(ada);
  await expect(ada.page.getByText('Something does not work.', { exact: false })).toBeVisible({ timeout: 60_000 });
  await expect(checks(ada).filter({ hasText: 'Failed' })).toHaveText(['Sealed storageFailed']);
});

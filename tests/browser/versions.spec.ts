// Two versions that do not understand each other, as a person sees it (P7).
import { expect, test } from './harness/journey.ts';
import type { Person } from './harness/person.ts';
import type { Server } from './harness/server.ts';

/** Lets a page ask for its next tickets in another version, reads what it says, and lets it speak its own again. */
async function sees(ada: Person, server: Server, version: number, words: string): Promise<void> {
  await ada.signUp();
  const tickets = '**/api/events/ticket';
  await ada.page.route(tickets, async (route) => {
    const said = route.request().postData() ?? '';
    expect(said).toContain('"protocol":1');
    await route.continue({ postData: said.replace('"protocol":1', `"protocol":${version}`) });
  });
  await server.stop();
  await ada.seesStatus('reconnecting');
  await server.startAgain();
  await expect(ada.status).toContainText(words);
  await ada.page.unroute(tickets);
  await ada.reconnect();
  await ada.seesStatus('online');
}

test('a page that is too old for the server says what to do, and goes on when it is not any more', async ({
  person,
  server,
}) => {
  await sees(await person('ada'), server, 0, 'This version of Sotto is too old for the server. Reload to update.');
});

test('a page whose server is too old says so, and goes on when it is not any more', async ({ person, server }) => {
  await sees(await person('ada'), server, 9, 'The server is too old for this version of Sotto. It has to be updated.');
});

// What every journey starts with: a server of its own and people with a browser profile each. Owns their lives, and that
// nothing went wrong unseen: an exception or an error on the console of any page fails the test.
import { type Browser, type Page, test as base } from '@playwright/test';
import { Person } from './person.ts';
import { Server } from './server.ts';

type Journey = {
  server: Server;
  /** A person in a fresh profile, with the app open. `origin` is the server's when left out. */
  person: (name: string, displayName?: string, origin?: string) => Promise<Person>;
  /** Ada and Ben, who have said `zero` and heard it. */
  pair: { ada: Person; ben: Person };
  /** Errors on consoles and uncaught exceptions so far; a journey that causes some by intent removes them. */
  complaints: string[];
};

export const test = base.extend<Journey>({
  server: async ({}, use, info) => {
    const server = await Server.start();
    await use(server);
    if (info.status !== info.expectedStatus) await info.attach('server log', { body: server.log });
    await server.dispose();
  },
  complaints: async ({}, use) => {
    const complaints: string[] = [];
    await use(complaints);
    base.expect(complaints).toEqual([]);
  },
  person: async ({ browser, server, complaints }, use) => {
    const contexts: Awaited<ReturnType<Browser['newContext']>>[] = [];
    await use(async (name, displayName = '', origin = server.origin) => {
      const context = await browser.newContext({ baseURL: origin, reducedMotion: 'reduce' });
      contexts.push(context);
      context.on('page', (page) => listen(page, name, complaints));
      const page = await context.newPage();
      await page.goto('/');
      return new Person(page, name, displayName, `passphrase of ${name}`);
    });
    for (const context of contexts) await context.close();
  },
  pair: async ({ person }, use) => {
    const ada = await person('ada');
    const ben = await person('ben');
    await ada.signUp();
    await ben.signUp();
    await ada.startDirect(ben);
    await ada.write('zero');
    await ben.open('ada');
    await ben.sees('zero');
    await use({ ada, ben });
  },
});

export const expect = test.expect;

/** A page whose requests cannot reach the server says so on its console: that is the browser's line, not ours. */
const network = /Failed to load resource|net::ERR_|the server responded with a status/;

function listen(page: Page, name: string, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(`${name}: ${error.stack ?? error.message}`));
  page.on('console', (line) => {
    if (line.type() === 'error' && !network.test(line.text())) complaints.push(`${name}: ${line.text()}`);
  });
}

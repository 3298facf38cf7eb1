// A person at a browser: what one does and what one looks for, by the names that a screen reader says. Owns the app's
// accessible names as the journeys know them.
import { type BrowserContext, type Locator, type Page, expect } from '@playwright/test';

export type State = 'sending' | 'sent' | 'delivered' | 'read' | 'failed';
export type Status = 'online' | 'catching-up' | 'connecting' | 'reconnecting' | 'offline' | 'signed-out';

export class Person {
  constructor(
    readonly page: Page,
    readonly name: string,
    readonly displayName: string,
    readonly password: string,
  ) {}

  get context(): BrowserContext {
    return this.page.context();
  }

  /** The same person at another page. */
  at(page: Page): Person {
    return new Person(page, this.name, this.displayName, this.password);
  }

  field(label: string): Locator {
    return this.page.getByLabel(label, { exact: true });
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  link(name: string): Locator {
    return this.page.getByRole('link', { name, exact: true });
  }

  heading(name: string): Locator {
    return this.page.getByRole('heading', { name, exact: true });
  }

  async signUp(): Promise<void> {
    await expect(this.heading('Create your account')).toBeVisible();
    await this.field('Name').fill(this.name);
    await this.field('Display name (optional)').fill(this.displayName);
    await this.field('Password').fill(this.password);
    await this.button('Create account').click();
    await this.seesStatus('online');
  }

  async signIn(password = this.password): Promise<void> {
    await expect(this.heading('Welcome back')).toBeVisible();
    await this.field('Name').fill(this.name);
    await this.field('Password').fill(password);
    await this.button('Sign in').click();
  }

  /** An empty list has a second one, in its middle. */
  get newConversation(): Locator {
    return this.button('New conversation').first();
  }

  async startDirect(other: Person): Promise<void> {
    await this.newConversation.click();
    const dialog = this.page.getByRole('dialog', { name: 'New conversation' });
    await dialog.getByLabel('Name', { exact: true }).fill(other.name);
    await dialog.getByRole('button', { name: 'Start conversation' }).click();
    await expect(dialog).toBeHidden();
    await expect(this.field('Message')).toBeVisible();
  }

  async startNotes(): Promise<void> {
    await this.newConversation.click();
    await this.page.getByRole('dialog').getByRole('button', { name: 'Notes to self' }).click();
    await expect(this.field('Message')).toBeVisible();
  }

  /** The row of a conversation in the list. */
  row(title: string): Locator {
    return this.page.getByRole('list', { name: 'Conversations' }).getByRole('link', { name: title });
  }

  async open(title: string): Promise<void> {
    await this.row(title).click();
    await expect(this.field('Message')).toBeVisible();
  }

  async write(text: string): Promise<void> {
    await this.field('Message').fill(text);
    await this.button('Send').click();
    await expect(this.field('Message')).toHaveValue('');
  }

  /** The messages of the open conversation. */
  get messages(): Locator {
    return this.page.getByRole('log', { name: 'Messages' }).getByRole('listitem');
  }

  message(text: string): Locator {
    return this.messages.filter({ hasText: text });
  }

  async sees(text: string): Promise<void> {
    await expect(this.message(text)).toHaveCount(1);
    await expect(this.message(text)).toBeVisible();
  }

  async seesState(text: string, state: State): Promise<void> {
    await expect(this.message(text)).toHaveAttribute('data-state', state);
  }

  get status(): Locator {
    return this.page.locator('[data-status]');
  }

  async seesStatus(status: Status): Promise<void> {
    await expect(this.status).toHaveAttribute('data-status', status);
  }

  /** Tries to connect at once, unless the app has been faster. */
  async reconnect(): Promise<void> {
    const now = this.button('Try now');
    await expect(async () => {
      if (await now.isVisible()) await now.click({ timeout: 1_000 });
      await expect(this.status).toHaveAttribute('data-status', 'online', { timeout: 1_000 });
    }).toPass();
  }

  /** The texts of the open conversation that look like `pattern`, in the order on screen. */
  async texts(pattern: RegExp): Promise<string[]> {
    const all = await this.messages.allInnerTexts();
    return all.flatMap((text) => pattern.exec(text)?.[0] ?? []);
  }
}

// Marked text between two people (M9): what is meant is shown, and three hundred texts that mean harm stay texts.
import { expect, test } from './harness/journey.ts';
import { flag, host, hostile } from './harness/hostile.ts';
import { inspect } from './harness/look.ts';

test.describe.configure({ timeout: 600_000 });
// One of so many long texts is larger than its format allows.
test.use({ trace: 'off' });

/** Everything that the log may be made of. */
const elements =
  'A B BDI BLOCKQUOTE BUTTON CODE DETAILS DIV EM LI OL P PATH PRE S SPAN STRONG SUMMARY SVG TIME UL'.split(' ');
/** So long a page that reads hostile texts may not answer, on two busy cores. */
const longestTaskMs = 2_000;

test('marks, quotes, lists, code, links, spoilers and big emoji look as they are meant', async ({ pair: { ada, ben } }) => {
  await ada.write('**bold**, *italic*, ~~gone~~ and `code` with a ||secret||');
  await ada.write('> a quote\n> of two lines\n\nand an answer\n- one\n  - one within\n- two\n3. three\n```rust\nfn main() {}\n```');
  await ada.write('see https://a.example/b_c_d. or [the other](https://b.example/x)');
  await ada.write('🎉');
  await ben.sees('🎉');
  const first = ben.message('gone');
  await expect(first.locator('strong')).toHaveText('bold');
  await expect(first.locator('em')).toHaveText('italic');
  await expect(first.locator('s')).toHaveText('gone');
  await expect(first.locator('code')).toHaveText('code');
  const secret = first.locator('details > span');
  await expect(secret).toHaveText('secret');
  await expect(secret).toBeHidden();
  const second = ben.message('an answer');
  await expect(second.locator('blockquote')).toHaveText('a quote\nof two lines', { useInnerText: true });
  await expect(second.locator('ul > li')).toHaveText(['one', 'one within', 'two']);
  await expect(second.locator('ol > li')).toHaveText(['three']);
  await expect(second.locator('pre')).toHaveText('fn main() {}');
  const links = ben.message('or the other').getByRole('link');
  await expect(links.nth(0)).toHaveAttribute('href', 'https://a.example/b_c_d');
  // Words that the author chose may say anything: where they lead stands beside them.
  await expect(links.nth(1)).toHaveText('the other (b.example)');
  for (const link of await links.all()) {
    await expect(link).toHaveAttribute('rel', 'noopener noreferrer');
    await expect(link).toHaveAttribute('target', '_blank');
  }
  await expect(ben.message('🎉').locator('[data-emoji="1"]')).toBeVisible();
  await inspect(ben.page, 'markdown');

  // By the keyboard alone, as one who does not see it would.
  await first.getByText('Spoiler').focus();
  await ben.page.keyboard.press('Enter');
  await expect(secret).toBeVisible();

  await ada.write('**seen** in ||the list||');
  await ben.sees('seen');
  await expect(ben.row('ada')).toContainText('seen in ▒▒▒');
});

test('three hundred hostile texts stay texts', async ({ pair: { ada, ben }, server }) => {
  const texts = hostile();
  expect(new Set(texts).size).toBeGreaterThanOrEqual(300);
  const strangers: string[] = [];
  for (const { page } of [ada, ben]) {
    page.on('request', (request) => {
      const stranger = !request.url().startsWith(server.origin) || request.url().includes(host);
      if (stranger && !request.url().startsWith('blob:')) strangers.push(request.url());
    });
    page.on('dialog', (dialog) => strangers.push(`dialog ${dialog.message()}`));
    page.on('popup', (popup) => strangers.push(`popup ${popup.url()}`));
  }
  await ben.page.evaluate((allowed) => {
    const seen = { wrong: [] as string[], texts: [] as number[], longestMs: 0 };
    Object.assign(window, { seen });
    const look = (element: Element) => {
      if (!allowed.includes(element.tagName.toUpperCase())) seen.wrong.push(element.outerHTML.slice(0, 200));
      for (const { name, value } of element.attributes) {
        const address = ['href', 'src', 'srcdoc', 'action', 'formaction', 'style'].includes(name);
        const link = name === 'href' && element.tagName === 'A' && /^https?:\/\/[^\s@]+$/i.test(value);
        if (/^on/i.test(name) || (address && !link)) seen.wrong.push(`${name}=${value.slice(0, 200)}`);
      }
      const number = element.tagName === 'LI' ? / n(\d+)\./.exec(element.textContent)?.[1] : undefined;
      if (number !== undefined && !seen.texts.includes(Number(number))) seen.texts.push(Number(number));
    };
    const rows = document.querySelector('.log-rows');
    if (rows === null) throw new Error('no log is open');
    new MutationObserver((changes) => {
      for (const node of changes.flatMap((change) => [...change.addedNodes])) {
        if (node instanceof Element) for (const element of [node, ...node.querySelectorAll('*')]) look(element);
      }
    }).observe(rows, { childList: true, subtree: true });
    new PerformanceObserver((list) => {
      for (const task of list.getEntries()) seen.longestMs = Math.max(seen.longestMs, task.duration);
    }).observe({ entryTypes: ['longtask'] });
  }, elements);
  for (const text of texts) await ada.write(text);
  // A list within a message has items too.
  await expect(ben.page.locator('li[data-row]', { hasText: `n${texts.length - 1}.` })).toBeVisible();

  // The log holds what is near the viewport: Ben reads back until he has had each of them before him.
  const read = async () => {
    await ben.page.evaluate(() => {
      const log = document.querySelector('.log');
      if (log !== null) log.scrollTop -= log.clientHeight;
    });
    return ben.page.evaluate(() => (window as unknown as { seen: { texts: number[] } }).seen.texts.length);
  };
  await expect.poll(read, { intervals: [100], timeout: 240_000 }).toBe(texts.length);

  const seen = await ben.page.evaluate(() => (window as unknown as { seen: { wrong: string[]; longestMs: number } }).seen);
  expect(seen.wrong).toEqual([]);
  expect(strangers).toEqual([]);
  expect(seen.longestMs).toBeLessThan(longestTaskMs);
  for (const { page } of [ada, ben]) expect(await page.evaluate((flag) => flag in window, flag)).toBe(false);
  // And it answers still.
  await ben.write('all read');
  await ada.sees('all read');
});

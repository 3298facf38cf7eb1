// Looks at a page as people have it: phone and desktop, light and dark. Owns the screenshots kept as artefacts and the scan
// by axe, which sees only what is on screen.
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { join } from 'node:path';
import { expect } from './journey.ts';

const sizes = { phone: { width: 390, height: 844 }, desktop: { width: 1280, height: 800 } } as const;
const schemes = ['light', 'dark'] as const;
const screens = join(import.meta.dirname, '../artefacts/screens');

/** Screenshots of the page in every size and scheme, in each of which axe must find nothing. */
export async function inspect(page: Page, state: string): Promise<void> {
  const before = page.viewportSize();
  const violations: string[] = [];
  for (const [device, size] of Object.entries(sizes)) {
    await page.setViewportSize(size);
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await drawn(page);
      await page.screenshot({ path: join(screens, `${state}-${device}-${colorScheme}.png`) });
      const found = await new AxeBuilder({ page }).analyze();
      for (const { id, help, nodes } of found.violations) {
        violations.push(`${device} ${colorScheme}: ${id}: ${help}: ${nodes.map((node) => node.html).join(' ')}`);
      }
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (overflow > 0) violations.push(`${device} ${colorScheme}: the page is ${overflow} px too wide`);
    }
  }
  if (before !== null) await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  expect(violations, `what is wrong with ${state}`).toEqual([]);
}

/** Two frames: the first draws what has changed, the second is after it. */
async function drawn(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** What must hold on every view, of the fixtures as of a real node. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** The conditions each view is looked at under. */
export const CONDITIONS = [
  { width: 1200, colorScheme: 'light' },
  { width: 1200, colorScheme: 'dark' },
  { width: 320, colorScheme: 'light' },
  { width: 320, colorScheme: 'dark' },
] as const;

export interface Opened {
  page: Page;
  context: BrowserContext;
  /** Errors of scripts, refusals of the security policy, requests that left the origin. */
  faults: string[];
}

export async function open(
  browser: Browser,
  url: string,
  { width = 1200, colorScheme = 'light' as 'light' | 'dark' } = {},
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
  const page = await context.newPage();
  const faults: string[] = [];
  const { origin } = new URL(url);
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  page.on('request', (request) => {
    const asked = new URL(request.url());
    if (asked.protocol.startsWith('http') && asked.origin !== origin) faults.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  await settled(page);
  return { page, context, faults };
}

/** Waits until nothing says that it is loading. */
export async function settled(page: Page): Promise<void> {
  await page.locator('h1').waitFor();
  await page.waitForFunction(() => !document.querySelector('.loading, [aria-busy="true"]') && !document.title.startsWith('⟦'));
}

export async function expectSound({ page, faults }: Opened): Promise<void> {
  // The page has no frames, for which another page would be opened each time.
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).setLegacyMode().analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)).toEqual([]);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow, 'pixels by which the page is wider than the window').toBeLessThanOrEqual(0);
  expect(await page.locator('body').innerText(), 'messages without words').not.toContain('⟦');
  expect(faults).toEqual([]);
}

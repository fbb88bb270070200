/** Screenshots for human eyes: `node tests/shots.mjs DIR [URL]`, from the fixtures unless URL names a node. */
import { chromium } from 'playwright-core';
import { LAUNCH } from './browser.mjs';
import { RECORDED } from './fixtures.mjs';
import { serve } from './server.mjs';

const [dir = 'shots', given] = process.argv.slice(2);
const server = given ? null : await serve();
const base = given ?? server.url;
const browser = await chromium.launch(LAUNCH);
for (const colorScheme of ['light', 'dark']) {
  for (const width of [1200, 320]) {
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
    const page = await context.newPage();
    page.on('console', (message) => message.type() === 'error' && console.log('console:', message.text()));
    for (const [name, query] of Object.entries({
      forum: '?view=forum',
      releases: '?view=releases',
      figures: '?view=figures',
      stock: '?view=figures&dataflow=MIGRANT_STOCK',
      treaty: '?view=figures&dataflow=TREATY_STATUS',
      ...(given ? {} : { proven: `?view=releases&release=${RECORDED.at(-1)}` }),
    })) {
      await page.goto(base + query, { waitUntil: 'networkidle' });
      await page.screenshot({ path: `${dir}/${name}-${width}-${colorScheme}.png`, fullPage: true });
      if (name === 'releases') {
        await page.locator('tbody th a').first().click();
        await page.waitForLoadState('networkidle');
        await page.screenshot({ path: `${dir}/release-${width}-${colorScheme}.png`, fullPage: true });
      }
    }
    await context.close();
  }
}
await browser.close();
server?.close();

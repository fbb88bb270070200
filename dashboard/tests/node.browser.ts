/** The page of a running node: `CHANCERY_URL=http://127.0.0.1:8600/ npm run test:browser`. */
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAUNCH } from './browser.mjs';
import { CONDITIONS, expectSound, open } from './views';

const given = process.env.CHANCERY_URL;

describe.skipIf(!given)('a running node', () => {
  const url = new URL('/', given ?? 'http://localhost').href;
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch(LAUNCH);
  });
  afterAll(() => browser.close());

  // The extremes only: the fixtures are looked at under all conditions, and so many releases take long to look at.
  describe.each([CONDITIONS[0], CONDITIONS[3]])('at $width px, $colorScheme', (condition) => {
    it.each(['', '?view=releases', '?view=figures'])('"%s" is sound', async (query) => {
      const opened = await open(browser, url + query, condition);
      await expectSound(opened);
      expect(await opened.page.getByRole('alert').count()).toBe(0);
      await opened.context.close();
    });
  });

  it('shows every figure with a verified source, and the CSV it links to answers', async () => {
    const { page, context } = await open(browser, `${url}?view=figures`);
    expect(await page.locator('svg[role=img] .marker').count()).toBeGreaterThan(0);
    expect(await page.getByRole('link', { name: /^Verified/ }).count()).toBeGreaterThan(0);
    expect(await page.getByRole('link', { name: /^Check failed/ }).count()).toBe(0);
    const csv = await page.getByRole('link', { name: 'CSV of what is shown' }).getAttribute('href');
    const answer = await page.request.get(url + csv);
    expect(answer.status()).toBe(200);
    expect((await answer.text()).split('\n').length).toBeGreaterThan(2);
    await context.close();
  });

  it('proves a release in the reader’s browser, and refuses one with a changed byte', async () => {
    const { page, context } = await open(browser, `${url}?view=releases`);
    await page.locator('tbody th a').first().click();
    await page.locator('[data-check=file]').waitFor();
    const { forum } = (await (await page.request.get(`${url}api/v1/node`)).json()) as { forum: { id: string } };
    await page.getByLabel('Forum id that you were told').fill(forum.id);
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.locator('[data-check=genesis][data-state=ok]').waitFor();
    expect(await page.locator('[data-state=failed]').count()).toBe(0);
    expect(await page.locator('[data-state=ok]').count()).toBeGreaterThanOrEqual(9);
    await page.route('**/*.parquet', async (route) => {
      const response = await route.fetch();
      const body = Buffer.from(await response.body());
      body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
      await route.fulfill({ response, body });
    });
    await page.reload();
    await page.locator('[data-check=file][data-state=failed]').waitFor();
    expect(await page.getByRole('alert').innerText()).toContain('Do not use these figures');
    await context.close();
  });

  it('compares the figures shown with the signed files, and finds one that was changed', async () => {
    const { page, context } = await open(browser, `${url}?view=figures`);
    await page.getByRole('button', { name: 'Compare these figures' }).click();
    await page.locator('[data-compared]').first().waitFor();
    expect(await page.locator('[data-compared=failed], [data-compared=unknown]').allInnerTexts()).toEqual([]);
    expect(await page.locator('[data-compared=ok]').count()).toBeGreaterThan(0);
    await page.route('**/api/v1/figures?*', async (route) => {
      const response = await route.fetch();
      const answer = (await response.json()) as { series: { observations: { value: number | null }[] }[] };
      const one = answer.series.flatMap(({ observations }) => observations).find(({ value }) => value !== null);
      if (one) one.value = (one.value ?? 0) + 1;
      await route.fulfill({ response, json: answer });
    });
    await page.reload();
    await page.getByRole('button', { name: 'Compare these figures' }).click();
    await page.locator('[data-compared=failed]').waitFor();
    expect(await page.getByRole('alert').innerText()).toContain('they are not what was signed');
    await context.close();
  });

  it('opens a release with five passed checks and a proof to download', async () => {
    const { page, context } = await open(browser, `${url}?view=releases`);
    await page.locator('tbody th a').first().click();
    await page.getByRole('heading', { name: 'What this node checked' }).waitFor();
    expect(await page.getByRole('region', { name: 'What this node checked' }).getByText('passed', { exact: true }).count()).toBe(5);
    const proof = await page.getByRole('link', { name: 'Proof bundle' }).getAttribute('href');
    expect((await (await page.request.get(url + proof)).json()).format).toBe('chancery-proof/1');
    await context.close();
  });
});

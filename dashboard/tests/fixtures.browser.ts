/** The page against made-up answers: every state a reader can meet. */
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LAUNCH } from './browser.mjs';
import { RECORDED } from './fixtures.mjs';
import { serve, type FixtureServer } from './server.mjs';
import { CONDITIONS, expectSound, open, settled, type Opened } from './views';

let browser: Browser;
let server: FixtureServer;

beforeAll(async () => {
  [browser, server] = await Promise.all([chromium.launch(LAUNCH), serve()]);
});
afterAll(async () => {
  await browser.close();
  server.close();
});
beforeEach(() => {
  server.state.mode = 'ok';
});

async function at(query: string, look: (opened: Opened) => Promise<void>, condition = {}): Promise<void> {
  const opened = await open(browser, server.url + query, condition);
  try {
    await look(opened);
  } finally {
    await opened.context.close();
  }
}

const RELEASE = async ({ page }: Opened) => {
  await page.locator('tbody th a').first().click();
  await page.getByRole('heading', { name: 'What this node checked' }).waitFor();
};

// Most of the time goes into these, which change nothing of the server.
describe.each(CONDITIONS)('at $width px, $colorScheme', (condition) => {
  it.each([
    '',
    '?view=releases',
    '?view=releases&state=withdrawn',
    '?view=figures',
    '?view=figures&dataflow=RETURNS&SEX=*',
    '?view=figures&dataflow=MIGRANT_STOCK',
    '?view=figures&dataflow=TREATY_STATUS',
    '?view=figures&dataflow=RETURNS&asOf=2026-01-01T00:00:00Z',
  ])('"%s" is sound', (query) => at(query, expectSound, condition));

  it('a release is sound', () =>
    at('?view=releases', async (opened) => {
      await RELEASE(opened);
      await expectSound(opened);
    }, condition));
});

describe('alarms', () => {
  beforeEach(() => {
    server.state.mode = 'alarm';
  });

  it.each(CONDITIONS)('are sound at $width px, $colorScheme', (condition) => at('', expectSound, condition));

  it('show both heads, who saw them, and what to do', () =>
    at('', async ({ page }) => {
      const alarm = page.getByRole('region', { name: /Alarm: the log of Sample Republic/ });
      const text = await alarm.innerText();
      const roots = await alarm.locator('dd.code').allInnerTexts();
      expect(new Set(roots.filter((root) => /^[0-9a-f]{64}$/.test(root))).size).toBe(2);
      expect(text).toMatch(/7 records[\s\S]*nobody[\s\S]*7 records[\s\S]*Testland, 3 Feb 2026/);
      expect(text).toMatch(/Do not rely on[\s\S]*Ask Sample Republic[\s\S]*chancery log XBB --evidence[\s\S]*cosigns no more/);
      await page.getByRole('link', { name: /Log forked/ }).click();
      expect(new URL(page.url()).hash).toBe('#alarm-XBB');
    }));

  it('show both charters and who signed both', () =>
    at('', async ({ page }) => {
      const text = await page.getByRole('region', { name: /two valid charters have the number 2/ }).innerText();
      expect(text).toMatch(/Sample Republic did[\s\S]*In force at this node[\s\S]*Testland, Sample Republic[\s\S]*The other[\s\S]*XDD/);
      expect(text).toMatch(/every member state signs[\s\S]*keeps both charters/);
    }));
});

describe('forum', () => {
  it('names who has published nothing and who is off line', () =>
    at('', async ({ page }) => {
      await expect(page.getByRole('complementary').innerText()).resolves.toContain('Democratic Federation of Examples');
      const row = page.getByRole('row', { name: /Democratic Federation/ });
      expect(await row.innerText()).toMatch(/Off line[\s\S]*never seen[\s\S]*Nothing published/);
      expect(await page.getByRole('row').count()).toBe(5);
    }));

  it('stays a table for assistive technology when rows become cards', () =>
    at('', async ({ page }) => {
      expect(await page.getByRole('table').getByRole('rowheader').count()).toBe(4);
    }, { width: 320 }));
});

describe('releases', () => {
  it('are newest first, and filters are part of the link', () =>
    at('?view=releases', async ({ page }) => {
      const days = await page.locator('.day').allInnerTexts();
      expect(days).toEqual(['3 Feb 2026', '20 Jan 2026', '19 Jan 2026', '18 Jan 2026', '17 Jan 2026']);
      await page.getByLabel('Member').selectOption({ label: 'Testland' });
      await page.getByLabel('State').selectOption({ label: 'Current' });
      expect(new URL(page.url()).searchParams.get('member')).toBe('XAA');
      expect(await page.locator('tbody tr').count()).toBe(2);
      await page.reload();
      await settled(page);
      expect(await page.locator('tbody tr').count()).toBe(2);
    }));

  it('show a failed check in words and explain it', () =>
    at('?view=releases&dataflow=MIGRANT_STOCK', async ({ page }) => {
      expect(await page.locator('tbody').innerText()).toContain('Failed: Log proof');
      await page.getByRole('link', { name: /^Check failed/ }).click();
      await page.getByText('inclusion path leads to another root').waitFor();
      expect(await page.getByRole('link', { name: 'Proof bundle' }).getAttribute('href')).toMatch(/^api\/v1\/releases\/[0-9a-f]{64}\/proof$/);
      expect(await page.locator('.hash').innerText()).toMatch(/[0-9a-f]{64}/);
      await page.goBack();
      await page.getByRole('heading', { name: 'Releases', level: 1 }).waitFor();
    }));
});

describe('figures', () => {
  it('show both ends of a corridor, with gaps and every value in the table', () =>
    at('?view=figures', async ({ page }) => {
      expect(await page.locator('h1').innerText()).toBe('Returns: Testland to Sample Republic');
      // Testland: one suppressed month; Sample Republic: one missing and two silent months.
      expect(await page.locator('svg[role=img] .s0 .line').count()).toBe(2);
      expect(await page.locator('svg[role=img] .s1 .line').count()).toBe(3);
      expect(await page.locator('svg[role=img] .withheld').count()).toBe(1);
      const table = page.getByRole('region', { name: 'Figures' });
      expect(await table.locator('tbody tr').count()).toBe(24);
      expect(await table.getByText('suppressed', { exact: true }).count()).toBe(1);
      expect(await table.getByText('not reported').count()).toBe(2);
      const points = await page.locator('svg[role=img] .marker').count();
      expect(await table.getByRole('link', { name: /^Verified/ }).count()).toBe(points + 2);
    }));

  it('stand beside what their publishers say of them', () =>
    at('?view=figures', async ({ page }) => {
      const panel = page.getByRole('region', { name: 'What the publishers say of them' });
      await panel.getByText('Sample Republic', { exact: true }).click();
      await panel.getByText('Made-up returns as Sample Republic counts them.').waitFor();
      expect(await panel.locator('details').count()).toBe(2);
      expect(await panel.getByRole('link', { name: 'Signed record' }).first().getAttribute('href')).toMatch(/^api\/v1\/metadata\/[0-9a-f]{64}$/);
    }));

  it('say so where a publisher says nothing of them', () =>
    at('?view=figures&dataflow=MIGRANT_STOCK', async ({ page }) => {
      await page.getByText('have not described them yet').waitFor();
    }));

  it('link to exactly what is shown', () =>
    at('?view=figures&asOf=2026-01-25T00:00:00Z', async ({ page }) => {
      const csv = page.getByRole('link', { name: 'CSV of what is shown' });
      expect(await csv.getAttribute('href')).toBe(
        'sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/M.*.XAA.XBB._T._T._T?asOf=2026-01-25T00%3A00%3A00Z&format=csv',
      );
    }));

  it('go back to an earlier edition and return', () =>
    at('?view=figures', async ({ page }) => {
      const cell = page.locator('tbody tr').first().locator('td').nth(3);
      const now = await cell.innerText();
      await page.getByRole('link', { name: /^before Sample Republic revised/ }).click();
      await page.getByText('Figures as they were known on').waitFor();
      await settled(page);
      expect(await cell.innerText()).not.toBe(now);
      await page.goBack();
      await page.getByText('Figures as they were known on').waitFor({ state: 'detached' });
      await settled(page);
      expect(await cell.innerText()).toBe(now);
    }));

  it('say which reporter a breakdown leaves out', () =>
    at('?view=figures', async ({ page }) => {
      await page.getByLabel('Sex').selectOption({ label: 'Female' });
      await page.getByText('Sample Republic also reports this corridor').waitFor();
      expect(new URL(page.url()).searchParams.get('SEX')).toBe('F');
    }));

  it('tell each period to the keyboard', () =>
    at('?view=figures', async ({ page }) => {
      const slider = page.getByRole('slider');
      await slider.focus();
      await page.keyboard.press('Home');
      expect(await slider.getAttribute('aria-valuetext')).toMatch(/^Jan 2023: Testland [\d,]+; Sample Republic [\d,]+$/);
      for (let i = 0; i < 9; i += 1) await page.keyboard.press('ArrowRight');
      expect(await slider.getAttribute('aria-valuetext')).toContain('Oct 2023: Testland suppressed');
    }));

  it('lay the chart out anew when the window changes', () =>
    at('?view=figures', async ({ page }) => {
      const width = () => page.locator('svg[role=img]').evaluate((svg) => svg.getBoundingClientRect().width);
      const wide = await width();
      await page.setViewportSize({ width: 320, height: 700 });
      await expect.poll(width).toBeLessThan(300);
      expect(wide).toBeGreaterThan(900);
      const tick = await page.locator('.tick').first().evaluate((text) => getComputedStyle(text).fontSize);
      expect(tick).toBe('13px');
    }));
});

describe('when membership is frozen', () => {
  it.each(['', '?view=releases', '?view=figures'])('"%s" says so and why', async (query) => {
    const opened = await open(browser, server.url);
    try {
      await opened.page.route('**/api/v1/node', async (route) => {
        const response = await route.fetch();
        const node = (await response.json()) as { forum: object };
        await route.fulfill({ response, json: { ...node, forum: { ...node.forum, frozen: 'two valid charters of one number are known' } } });
      });
      await opened.page.goto(server.url + query);
      await opened.page.getByText('Membership of this forum is frozen').waitFor();
      await settled(opened.page);
      await expectSound(opened);
    } finally {
      await opened.context.close();
    }
  });
});

describe('when something is wrong', () => {
  it.each(['', '?view=releases', '?view=figures'])('"%s" says what the node said and offers to try again', (query) => {
    server.state.mode = 'broken';
    return at(query, async ({ page }) => {
      expect(await page.getByRole('alert').innerText()).toContain('the database is locked');
      server.state.mode = 'ok';
      await page.getByRole('button', { name: 'Try again' }).click();
      await page.getByRole('alert').waitFor({ state: 'detached' });
    });
  });

  it.each(['?view=releases', '?view=figures'])('"%s" says that there is nothing yet', (query) => {
    server.state.mode = 'empty';
    return at(query, async (opened) => {
      expect(await opened.page.locator('main').innerText()).toMatch(/(Nobody|Nothing) has/i);
      await expectSound(opened);
    });
  });

  it('an unknown release is refused in words', () =>
    at(`?view=releases&release=${'0'.repeat(64)}`, async ({ page }) => {
      expect(await page.getByRole('alert').innerText()).toContain('no such thing');
    }));
});

it('the skip link and the views work from the keyboard alone', () =>
  at('', async ({ page }) => {
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Releases', level: 1 }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('content');
  }));

describe('what the reader’s own browser checks', () => {
  const PROVEN = `?view=releases&release=${RECORDED.at(-1)}`;
  const state = ({ page }: Opened, check: string) => page.locator(`[data-check=${check}]`).getAttribute('data-state');
  const checked = (opened: Opened) => opened.page.locator('[data-check=file]').waitFor();

  it('holds for a release of a real node, and says what was not checked', () =>
    at(PROVEN, async (opened) => {
      await checked(opened);
      expect(await opened.page.locator('[data-state=ok]').count()).toBe(8);
      expect(await state(opened, 'genesis')).toBe('undone');
      expect(await state(opened, 'cosignatures')).toBe('undone');
      expect(await opened.page.getByRole('alert').count()).toBe(0);
      expect(await opened.page.getByRole('region', { name: 'Checked by your browser' }).innerText()).toContain('2 things were not checked');
      await expectSound(opened);
    }));

  it('compares the forum with the id that the reader was told, and keeps it', () =>
    at(PROVEN, async (opened) => {
      const { page } = opened;
      await checked(opened);
      const { charters } = (await (await page.request.get(`${server.url}api/v1/releases/${RECORDED.at(-1)}/proof`)).json()) as { charters: { payload: string }[] };
      const bytes = Buffer.from(charters[0]?.payload ?? '', 'base64');
      const genesis = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
      const tell = async (id: string) => {
        await page.getByLabel('Forum id that you were told').fill(id);
        await page.getByRole('button', { name: 'Compare' }).click();
      };
      await tell('0'.repeat(64));
      await page.getByRole('alert').getByText('Do not use these figures').waitFor();
      await tell(genesis);
      await page.locator('[data-check=genesis][data-state=ok]').waitFor();
      await page.reload();
      await page.locator('[data-check=genesis][data-state=ok]').waitFor();
    }));

  it('gives a command with the id that the reader was told, never with the one that the node says', () =>
    at(PROVEN, async ({ page }) => {
      const { forum } = (await (await page.request.get(`${server.url}api/v1/node`)).json()) as { forum: { id: string } };
      const offline = page.getByRole('region', { name: 'Check it without trusting this node' });
      await page.locator('[data-check=file]').waitFor();
      const untold = await offline.innerText();
      expect(untold).toMatch(/--genesis FORUM-ID\s/);
      expect(untold).toContain('Write the id that you were told');
      expect(untold).not.toContain(forum.id);
      const id = 'ab'.repeat(32);
      await page.getByLabel('Forum id that you were told').fill(id);
      await page.getByRole('button', { name: 'Compare' }).click();
      await offline.getByText(`--genesis ${id}`).waitFor();
      expect(await offline.innerText()).not.toContain('FORUM-ID');
      await page.reload();
      await offline.getByText(`--genesis ${id}`).waitFor();
    }));

  const flipped = (body: Buffer, at: number) => {
    const wrong = Buffer.from(body);
    wrong[at] = (wrong[at] ?? 0) ^ 1;
    return wrong;
  };
  it.each([
    ['a byte of the file', '**/*.parquet', 'file', (body: Buffer) => flipped(body, body.length >> 1)],
    ['the signature', '**/proof', 'record', (body: Buffer) => edit(body, (b) => (b.record.signatures[0].sig = other(b.record.signatures[0].sig)))],
    ['the record', '**/proof', 'record', (body: Buffer) => edit(body, (b) => (b.record.payload = other(b.record.payload)))],
    ['the charter', '**/proof', 'charter', (body: Buffer) => edit(body, (b) => (b.charters[0].payload = other(b.charters[0].payload)))],
    ['the head', '**/proof', 'head', (body: Buffer) => edit(body, (b) => (b.checkpoint = b.checkpoint.replace(/\n\d+\n/, '\n9\n')))],
    ['the log’s proof', '**/proof', 'inclusion', (body: Buffer) => edit(body, (b) => (b.inclusion[0] = other(b.inclusion[0])))],
    ['the title shown', '**/api/v1/releases/*', 'shown', (body: Buffer) => edit(body, (b) => (b.title = 'Another title'))],
    ['the number of figures shown', '**/api/v1/releases/*', 'shown', (body: Buffer) => edit(body, (b) => (b.rows += 1))],
  ])('refuses when %s was changed on the way', async (_, pattern, check, change) => {
    const opened = await open(browser, server.url);
    try {
      await opened.page.route(pattern, async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: change(await response.body()) });
      });
      await opened.page.goto(server.url + PROVEN);
      await opened.page.getByRole('alert').getByText('Do not use these figures').waitFor();
      expect(await state(opened, check)).toBe('failed');
      await expectSound(opened);
    } finally {
      await opened.context.close();
    }
  });

  it('says so when the node gives no proof', async () => {
    const opened = await open(browser, server.url);
    try {
      await opened.page.route('**/proof', (route) => route.fulfill({ status: 404, json: { error: { code: 'not_found', message: 'no such release' } } }));
      await opened.page.goto(server.url + PROVEN);
      await opened.page.getByText('The node gave no proof of this release: no such release').waitFor();
    } finally {
      await opened.context.close();
    }
  });
});

function edit(body: Buffer, change: (bundle: any) => void): string {
  const bundle = JSON.parse(body.toString()) as unknown;
  change(bundle);
  return JSON.stringify(bundle);
}

/** The same base64 with one character changed. */
const other = (text: string) => text.slice(0, 20) + (text[20] === 'A' ? 'B' : 'A') + text.slice(21);

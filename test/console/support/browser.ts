import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const ROOT = resolve(__dirname, '../../..');
const SHOTS = join(ROOT, '.artifacts', 'screenshots');
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** Debian's Chromium, or another by CHROMIUM_PATH. A machine without one fails the tests; `.ci/run` installs it. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page that notes what a browser complains of: errors of scripts, of the content security policy, dialogs. */
export async function watchedPage(context: BrowserContext): Promise<{ page: Page; complaints: string[] }> {
  const page = await context.newPage();
  // For what never comes, not for slow machines.
  page.setDefaultTimeout(90_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, complaints };
}

/** Kept by the run, never committed. */
export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage: true });
}

const DESK = { width: 1280, height: 720 };
const PHONE = { width: 360, height: 740 };

/**
 * Looks at a page as it stands: keeps a picture, and holds it to what every page must be, at a desk in the light as on
 * a telephone in the dark.
 */
export async function lookAt(
  { page, complaints }: { page: Page; complaints: string[] },
  name: string,
): Promise<void> {
  await screenshot(page, name);
  expect([name, await seriousFindings(page)]).toEqual([name, []]);
  await page.setViewportSize(PHONE);
  await page.emulateMedia({ colorScheme: 'dark' });
  const overflow = await page.evaluate('Math.max(0, document.documentElement.scrollWidth - innerWidth)');
  expect([name, 'at 360 px', overflow]).toEqual([name, 'at 360 px', 0]);
  expect([name, 'in the dark', await seriousFindings(page)]).toEqual([name, 'in the dark', []]);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(DESK);
  expect(complaints.splice(0)).toEqual([]);
  // What devices say never becomes part of the page.
  expect(await page.locator('img[src="x"]').count()).toBe(0);
}

/** What a screen reader's user would stumble over, serious or worse. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // Over the debugger, which the page's content security policy does not hold back.
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
    };
    return (await axe.run()).violations.map(({ id, impact, nodes }) => ({
      id,
      impact,
      html: nodes[0]?.html,
    }));
  });
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, html }) => `${id}: ${html}`);
}

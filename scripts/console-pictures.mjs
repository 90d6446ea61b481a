// Takes the README's pictures of the console anew: `npm run demo` in one terminal, then
// `node scripts/console-pictures.mjs` in another once its steps are done; it waits until the fleet has been counted twice,
// five minutes apart. Needs Chromium (CHROMIUM_PATH, or Debian's).
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ROOT } from './prepare.mjs';

const MAX_BYTES = 100_000;
const WIDTH = 1_240;
const MARGIN = 20;
const dataDir = process.env.EUCORA_DATA_DIR ?? join(homedir(), '.local', 'share', 'eucora', 'demo');
const endpoints = JSON.parse(readFileSync(join(dataDir, 'endpoints.json'), 'utf8'));
const origin = new URL(endpoints.operator_api).origin;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
});
try {
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 1_200 } });
  await page.goto(`${origin}/console/login`);
  await page.getByLabel('Operator token').fill(readFileSync(endpoints.admin_token_file, 'utf8').trim());
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('heading', { name: 'Fleet', level: 1 }).waitFor();
  while ((await page.locator('.chart .area').count()) === 0) {
    await page.waitForTimeout(5_000);
    await page.reload();
  }
  await shoot(page, 'fleet', page.locator('section', { has: page.locator('.chart') }));
  await page.goto(`${origin}/console/deployments`);
  await page.locator('tbody a').first().click();
  await page.getByRole('heading', { name: 'Rings' }).waitFor();
  await shoot(page, 'deployment', page.locator('[data-topic]'));
} finally {
  await browser.close();
}

/** From the top of the page to the end of a part of it, so that nothing is cut off. */
async function shoot(page, name, last) {
  const folder = join(ROOT, 'docs', 'pictures');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `console-${name}.png`);
  const { y, height } = await last.boundingBox();
  const clip = { x: 0, y: 0, width: WIDTH, height: Math.ceil(y + height) + MARGIN };
  await page.screenshot({ path, clip });
  const { size } = statSync(path);
  if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MAX_BYTES}`);
  console.log(`${path} (${size} bytes)`);
}

import type { Browser, Page } from 'playwright-core';
import type { World } from '../../api/support/world.ts';
import { launch, lookAt, watchedPage } from './browser.ts';

/** A person in front of a browser, at a platform. */
export class Visitor {
  readonly world: World;
  readonly browser: Browser;
  readonly page: Page;
  readonly complaints: string[];

  private constructor(world: World, browser: Browser, watched: { page: Page; complaints: string[] }) {
    this.world = world;
    this.browser = browser;
    this.page = watched.page;
    this.complaints = watched.complaints;
  }

  static async arrive(world: World): Promise<Visitor> {
    const browser = await launch();
    return new Visitor(world, browser, await watchedPage(await browser.newContext()));
  }

  visit(path: string) {
    return this.page.goto(this.world.api.operatorUrl + path);
  }

  async logIn(token: string): Promise<void> {
    await this.visit('/console/login');
    await this.page.getByLabel('Operator token').fill(token);
    await this.page.getByRole('button', { name: 'Log in' }).click();
    await this.page.getByRole('heading', { name: 'Fleet', level: 1 }).waitFor();
  }

  press(name: string): Promise<void> {
    return this.page.getByRole('button', { name }).click();
  }

  look(name: string): Promise<void> {
    return lookAt(this, name);
  }

  async leave(): Promise<void> {
    await this.browser.close();
  }
}

import { raw } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { Identity } from '../../contracts/access/access.ts';
import { assetUrl } from '../assets.ts';

const SECTIONS = [
  ['/console', 'Fleet'],
  ['/console/agents', 'Agents'],
  ['/console/tasks', 'Tasks'],
  ['/console/packages', 'Packages'],
  ['/console/deployments', 'Deployments'],
  ['/console/incidents', 'Incidents'],
  ['/console/alerts', 'Alerts'],
  ['/console/audit', 'Audit'],
  ['/console/settings', 'Settings'],
] as const;

interface PageProps {
  readonly title: string;
  /** Path of the section that the page belongs to. */
  readonly section?: string;
  readonly operator?: Identity | undefined;
  /** Topics whose changes the page shows without being loaded again. */
  readonly live?: readonly string[];
  /** Where the browser goes on to by itself. */
  readonly refresh?: string;
  readonly children: Child;
}

/** The frame of every page. */
export function Page({ title, section, operator, live = [], refresh, children }: PageProps) {
  return (
    <>
      {raw('<!DOCTYPE html>')}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          {refresh === undefined ? null : <meta http-equiv="refresh" content={`0;url=${refresh}`} />}
          <title>{`${title} · EUCORA`}</title>
          <link rel="icon" href={assetUrl('icon.svg')} type="image/svg+xml" />
          <link rel="stylesheet" href={assetUrl('console.css')} />
          <script src={assetUrl('console.js')} defer></script>
        </head>
        <body data-live={live.length > 0 ? live.join(' ') : undefined}>
          <a class="skip" href="#content">
            Skip to content
          </a>
          <header class="bar">
            <a class="brand" href="/console">
              EUCORA
            </a>
            {operator === undefined ? null : <Navigation section={section} operator={operator} />}
          </header>
          <main id="content" tabindex={-1}>
            <h1>{title}</h1>
            {live.length === 0 ? null : (
              <p class="notice" id="moved-on" role="status" hidden>
                This has moved on. <a href="?">Show all of it anew</a>
              </p>
            )}
            {children}
          </main>
        </body>
      </html>
    </>
  );
}

function Navigation({ section, operator }: { section: string | undefined; operator: Identity }) {
  return (
    <>
      <nav aria-label="Sections">
        <ul>
          {SECTIONS.map(([path, name]) => (
            <li>
              <a href={path} aria-current={path === section ? 'page' : undefined}>
                {name}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <form class="who" method="post" action="/console/logout">
        <span title={`Scopes: ${operator.scopes.join(', ')}`}>{operator.name}</span>
        <button type="submit" class="quiet">
          Log out
        </button>
      </form>
    </>
  );
}

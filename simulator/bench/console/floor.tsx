import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';

const CELLS = ['hostname', 'status', 'platform', 'version', 'heartbeat', 'tags'];

/** The least that a page could take: a table of so many rows by Hono's JSX, from memory, for anybody. */
export function barePage(): Hono {
  const app = new Hono();
  app.get('/page/:rows', (c) =>
    c.html(
      <html lang="en">
        <head>
          <title>A bare page</title>
        </head>
        <body>
          <table>
            {Array.from({ length: Number(c.req.param('rows')) }, (_, row) => (
              <tr>
                {CELLS.map((cell) => (
                  <td class="cell">
                    <a href={`/agents/${row}`}>{`${cell} of ${row}, as <reported>`}</a>
                  </td>
                ))}
              </tr>
            ))}
          </table>
        </body>
      </html>,
    ),
  );
  return app;
}

/** @returns the port, on loopback */
export async function startBarePage(): Promise<number> {
  const server = createServer(getRequestListener(barePage().fetch));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

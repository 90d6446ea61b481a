import { streamSSE } from 'hono/streaming';
import type { AddPages } from '../types.ts';
import type { LiveMessage } from './hub.ts';

const MAX_TOPICS = 8;
/** Comments keep proxies from ending a quiet stream. */
const KEEP_ALIVE_MS = 20_000;

/** `GET /console/live?topic=…`: one stream a page. A reader that is slow gets the newest of each topic, not all. */
export const addLive: AddPages = (app, { hub }) => {
  app.get('/console/live', (c) => {
    const topics = [...new Set(c.req.queries('topic') ?? [])].filter((topic) => hub.knows(topic));
    if (topics.length === 0 || topics.length > MAX_TOPICS)
      return c.text('Name 1 to 8 topics of the console.', 400);
    c.header('X-Accel-Buffering', 'no');
    return streamSSE(c, async (stream) => {
      const waiting = new Map<string, LiveMessage>();
      let ended = false;
      let wake = () => {};
      const subscriber = {
        api: c.var.api,
        token: c.var.token,
        topics,
        offer: (message: LiveMessage) => {
          waiting.set(message.topic, message);
          wake();
        },
        end: () => {
          ended = true;
          wake();
        },
      };
      stream.onAbort(subscriber.end);
      const unsubscribe = hub.subscribe(subscriber, c.req.header('last-event-id'));
      try {
        while (!ended) {
          for (const [topic, { version, html }] of waiting) {
            waiting.delete(topic);
            await stream.writeSSE({ event: 'change', id: version, data: JSON.stringify({ topic, html }) });
          }
          if (waiting.size > 0 || ended) continue;
          const timer = await new Promise<'news' | 'quiet'>((resolve) => {
            const quiet = setTimeout(() => resolve('quiet'), KEEP_ALIVE_MS);
            wake = () => {
              clearTimeout(quiet);
              resolve('news');
            };
          });
          if (timer === 'quiet') await stream.write(': still here\n\n');
        }
      } finally {
        unsubscribe();
      }
    });
  });
};

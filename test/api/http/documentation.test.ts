import { request } from 'undici';
import { World } from '../support/world.ts';

describe('The documentation', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.start();
  });
  afterAll(() => world?.dispose());

  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await request(world.api.operatorUrl + path, { headers });
    return { ...response, text: await response.body.text() };
  };

  it.each(['/openapi.json', '/docs/start.js', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js'])(
    'is made once and sent once: %s',
    async (path) => {
      const first = await get(path);
      const etag = String(first.headers['etag']);
      expect([first.statusCode, first.text.length > 0]).toEqual([200, true]);
      expect(etag).toMatch(/^"[\w-]{43}"$/);
      const again = await get(path, { 'if-none-match': etag });
      expect([again.statusCode, again.text, again.headers['etag']]).toEqual([304, '', etag]);
      const other = await get(path, { 'if-none-match': '"another"' });
      expect([other.statusCode, other.text]).toEqual([200, first.text]);
    },
  );
});

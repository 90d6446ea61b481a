import { Readable } from 'node:stream';
import { z } from 'zod';
import { sha256Schema } from '../../../contracts/artifact/artifact.ts';
import { parseRange } from '../../artifacts/range.ts';
import { guarded, problems } from '../../openapi/route.ts';
import { ApiError } from '../../problems.ts';
import { AGENT_SECURITY, type AgentRoute, notFound } from '../types.ts';

const binary = { 'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) } };

export const downloadArtifact: AgentRoute = (app, deps, gate) => {
  const route = guarded(
    {
      method: 'get',
      path: '/api/v1/artifacts/{sha256}',
      tags: ['agent: work'],
      summary: 'Download a file, whole or from where a download broke off (Range, one range)',
      security: AGENT_SECURITY,
      request: { params: z.object({ sha256: sha256Schema }) },
      responses: {
        200: { description: 'The whole file', content: binary },
        206: { description: 'The range', content: binary },
        ...problems([
          'certificate-required',
          'certificate-invalid',
          'agent-revoked',
          'not-found',
          'range-not-satisfiable',
        ]),
      },
    },
    gate.identify,
    gate.admit,
  );
  app.openapi(route, async (c) => {
    const { sha256 } = c.req.valid('param');
    const known = await deps.stores.artifacts.find(sha256);
    const size = known && (await deps.content.size(sha256));
    if (size === undefined) throw notFound('artifact', sha256);
    const range = parseRange(c.req.header('range'), size);
    if (range === 'unsatisfiable') {
      c.header('Content-Range', `bytes */${size}`);
      throw new ApiError('range-not-satisfiable', `The file has ${size} bytes.`);
    }
    const { start, end } = range ?? { start: 0, end: size - 1 };
    const isRead = c.req.method !== 'HEAD' && size > 0;
    const content = isRead ? await deps.content.read(sha256, start, end) : null;
    // Cleaned away between the two looks.
    if (content === undefined) throw notFound('artifact', sha256);
    c.header('Accept-Ranges', 'bytes');
    c.header('ETag', `"${sha256}"`);
    c.header('Content-Type', 'application/octet-stream');
    c.header('Content-Length', String(end - start + 1));
    if (range !== undefined) c.header('Content-Range', `bytes ${start}-${end}/${size}`);
    if (content === null) return c.body(null, 200);
    return c.body(Readable.toWeb(content) as ReadableStream, range === undefined ? 200 : 206);
  });
};

import type { App } from '../routes/types.ts';

type Document = ReturnType<App['getOpenAPI31Document']>;
type PathItem = NonNullable<Document['paths']>[string];

const DESCRIPTION = `Agents enrol, report and work through the operations tagged "agent", which live on the agents'
listener and take a client certificate. Operators use the others with a bearer token. Every answer carries
X-Correlation-ID; errors are problem details (RFC 9457) with a stable code, explained in docs/errors.`;

/** One OpenAPI 3.1 document for both listeners; agents' operations name theirs as their server. */
export function openApiDocument(operatorApp: App, agentApp: App, agentUrl: string): Document {
  const head = { openapi: '3.1.0', info: { title: 'EUCORA', version: '1', description: DESCRIPTION } };
  const operator = operatorApp.getOpenAPI31Document(head);
  const agent = agentApp.getOpenAPI31Document(head);
  const paths: Record<string, PathItem> = { ...operator.paths };
  for (const [path, item] of Object.entries(agent.paths ?? {})) {
    paths[path] = { ...atServer(item, agentUrl), ...paths[path] };
  }
  return {
    ...operator,
    paths,
    components: {
      schemas: { ...agent.components?.schemas, ...operator.components?.schemas },
      securitySchemes: {
        operatorToken: {
          type: 'http',
          scheme: 'bearer',
          description: 'An operator token, or a JWT of the configured issuer',
        },
        agentCertificate: {
          // Of OpenAPI 3.1; the library's types only know 3.0.
          type: 'mutualTLS' as 'http',
          description: 'The client certificate that enrolment gave',
        },
      },
    },
  };
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

function atServer(item: PathItem, url: string): PathItem {
  const located: PathItem = { ...item };
  for (const method of METHODS) {
    const operation = item[method];
    if (operation !== undefined)
      located[method] = { ...operation, servers: [{ url, description: 'Agents’ listener' }] };
  }
  return located;
}

import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import type { CertificateAuthority } from '../../../runtime/certificates/authority.ts';

const KEEP_ALIVE_MS = 150_000;

export interface FloorPorts {
  readonly http1: number;
  readonly mtls_http1: number;
  readonly mtls_http2: number;
  /** TLS without client certificates; signs requests for certificates. */
  readonly enrol: number;
}

/** The least that a heartbeat could take: a bare Hono route that parses the body and answers the same. */
function bareRoute(): Hono {
  const app = new Hono();
  app.post('/api/v1/agents/:id/heartbeat', async (c) => {
    const { status } = await c.req.json<{ status: string }>();
    return c.json({ status, pending_tasks: [], next_heartbeat_seconds: 60 });
  });
  return app;
}

/** The least that an enrolment could take: the request is checked and signed, and nothing is kept. */
function bareEnrolment(authority: CertificateAuthority): Hono {
  const app = new Hono();
  app.post('/api/v1/agents/register', async (c) => {
    const { csr, hostname } = await c.req.json<{ csr: string; hostname: string }>();
    const agentId = randomUUID();
    const { pem, notAfter } = await authority.issueAgentCertificate(csr, { id: agentId, name: hostname });
    const ca_chain = authority.certificatePem;
    return c.json({ agent_id: agentId, certificate: pem, ca_chain, not_after: notAfter }, 201);
  });
  return app;
}

/** Serves the bare route by plain HTTP/1.1 and by mutual TLS, on free ports of loopback. */
export async function startFloor(
  authority: CertificateAuthority,
): Promise<{ ports: FloorPorts; close(): Promise<void> }> {
  const { fetch } = bareRoute();
  const issued = await authority.issueServerCertificate(['localhost', '127.0.0.1']);
  const tls = {
    key: issued.key,
    cert: issued.certificate,
    ca: [authority.certificatePem],
    requestCert: true,
    rejectUnauthorized: true,
  };
  const servers = {
    http1: createServer(getRequestListener(fetch)),
    mtls_http1: createHttpsServer(tls, getRequestListener(fetch)),
    mtls_http2: createSecureServer(tls, getRequestListener(fetch)),
    enrol: createHttpsServer(
      { key: tls.key, cert: tls.cert },
      getRequestListener(bareEnrolment(authority).fetch),
    ),
  };
  const ports = Object.fromEntries(
    await Promise.all(
      Object.entries(servers).map(async ([name, server]) => {
        // As long as ours: the sides take turns, and connections stay meanwhile.
        Object.assign(server, { keepAliveTimeout: KEEP_ALIVE_MS });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        return [name, (server.address() as AddressInfo).port] as const;
      }),
    ),
  ) as unknown as FloorPorts;
  return {
    ports,
    close: async () => {
      for (const server of Object.values(servers)) {
        (server as Partial<Server>).closeAllConnections?.();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Registry } from 'prom-client';
import type { Scope } from '../contracts/access/access.ts';
import type { Config } from '../contracts/config.ts';
import type { Stores } from '../db/stores/index.ts';
import type { CertificateAuthority } from '../runtime/certificates/authority.ts';
import type { ContentStore } from '../runtime/content-store/content-store.ts';
import type { Logger } from '../runtime/logger.ts';
import type { ReadinessProbe } from '../runtime/readiness.ts';
import type { OidcVerifier } from './identity/oidc.ts';
import type { PeerVerifier } from './identity/peer.ts';
import type { Limits } from './middleware/rate-limit.ts';

export interface Operator {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly via: 'token' | 'oidc';
}

/** What every handler can see. */
export interface ApiEnv {
  Bindings: {
    incoming: IncomingMessage | Http2ServerRequest;
    outgoing: ServerResponse | Http2ServerResponse;
  };
  Variables: {
    correlationId: string;
    /** Set by `authorize` on operators' routes. */
    operator: Operator;
    /** Set by `identify` on agents' routes: the agent that the client certificate names. */
    agentId: string;
  };
}

/** What handlers need, made once at start. */
export interface ApiDependencies {
  readonly config: Config;
  readonly stores: Stores;
  readonly authority: CertificateAuthority;
  readonly content: ContentStore;
  readonly peers: PeerVerifier;
  readonly oidc: OidcVerifier | undefined;
  readonly limits: Limits;
  /** Shared by all replicas: what the console seals its sessions with is derived from it. */
  readonly consoleSecret: Uint8Array;
  /** In which workflows are, for links to the Temporal Web UI. */
  readonly temporalNamespace: string;
  /** Aborted when the API begins to stop. */
  readonly stopping: AbortSignal;
  readonly logger: Logger;
  readonly metrics: Registry;
  /** For operators: Postgres and Temporal. */
  readonly readiness: ReadinessProbe;
  /** For agents: what hearing them takes, which is Postgres. */
  readonly intakeReadiness: ReadinessProbe;
}

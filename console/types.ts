import type { Hono } from 'hono';
import type { Identity } from '../contracts/access/access.ts';
import type { Api, Send } from './api.ts';
import type { LiveHub } from './live/hub.ts';
import type { Sessions } from './session.ts';

/** What the pages can see. */
export interface ConsoleEnv {
  /** What the server gave with the page's own request, and what the API found out about it. */
  Bindings: { readonly correlationId: string; readonly secure: boolean };
  Variables: {
    api: Api;
    operator: Identity;
    token: string;
  };
}

export type ConsoleApp = Hono<ConsoleEnv>;

/** The organisation's identity provider, at which the console is a client. */
export interface SingleSignOn {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | undefined;
  /** Where browsers reach the console. */
  readonly publicUrl: string;
}

export interface ConsoleOptions {
  /** Answers as the operator API does. `env` is what the server gave with the page's own request. */
  readonly send: (path: string, init: RequestInit, env: object) => ReturnType<Send>;
  /** Shared by all replicas; at least 32 bytes. */
  readonly secret: Uint8Array;
  /** Ends the streams, which would hold back a stop of the server. */
  readonly stopping: AbortSignal;
  readonly singleSignOn?: SingleSignOn | undefined;
  /** Where the Temporal Web UI shows workflows by their id. */
  readonly workflowsUrl?: string | undefined;
}

/** What the routes of the console share. */
export interface ConsoleContext {
  readonly options: ConsoleOptions;
  readonly sessions: Sessions;
  readonly hub: LiveHub;
}

export type AddPages = (app: ConsoleApp, context: ConsoleContext) => void;

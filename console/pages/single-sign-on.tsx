import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import * as oidc from 'openid-client';
import { identitySchema } from '../../contracts/access/access.ts';
import { Api } from '../api.ts';
import { Page } from '../components/page.tsx';
import { ApiProblem } from '../problem.ts';
import type { AddPages, ConsoleContext, ConsoleEnv, SingleSignOn } from '../types.ts';
import { MAX_TOKEN_CHARACTERS, safeNext } from './login.tsx';

const PATH = '/console/login/oidc';
const CALLBACK = `${PATH}/callback`;
const COOKIE = 'eucora_login';
/** How long somebody may take at the identity provider, in seconds. */
const PATIENCE_SECONDS = 600;

/** Log-in by the organisation's identity provider: authorization code flow with PKCE. */
export const addSingleSignOn: AddPages = (app, context) => {
  const settings = context.options.singleSignOn;
  if (settings === undefined) return;
  let known: Promise<oidc.Configuration> | undefined;
  const provider = () => {
    known ??= discover(settings).catch((error: unknown) => {
      known = undefined;
      throw unavailable(error);
    });
    return known;
  };

  app.get(PATH, async (c) => {
    const configuration = await provider();
    const attempt = {
      state: oidc.randomState(),
      verifier: oidc.randomPKCECodeVerifier(),
      next: safeNext(c.req.query('next')),
    };
    setCookie(c, COOKIE, await context.sessions.seal(attempt, PATIENCE_SECONDS), {
      path: PATH,
      httpOnly: true,
      // The provider's answer comes from another site.
      sameSite: 'Lax',
      secure: c.env.secure,
      maxAge: PATIENCE_SECONDS,
    });
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: new URL(CALLBACK, settings.publicUrl).href,
      scope: 'openid',
      state: attempt.state,
      code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
    });
    return c.redirect(url.href, 303);
  });

  app.get(CALLBACK, async (c) => {
    const attempt = await context.sessions.open(getCookie(c, COOKIE));
    deleteCookie(c, COOKIE, { path: PATH });
    const { state, verifier, next } = attempt ?? {};
    if (typeof state !== 'string' || typeof verifier !== 'string') throw refused('The log-in took too long.');
    const tokens = await redeem(await provider(), settings, c.req.url, { state, verifier });
    const token = await accepted(c, context, tokens);
    await context.sessions.begin(c, token, c.env.secure);
    const target = safeNext(next);
    // Not a redirect: the chain began at another site, and the browser would withhold the strict cookie.
    return c.html(
      <Page title="Logged in" refresh={target}>
        <a href={target}>Go on</a>
      </Page>,
    );
  });
};

function discover(settings: SingleSignOn): Promise<oidc.Configuration> {
  const issuer = new URL(settings.issuer);
  return oidc.discovery(issuer, settings.clientId, settings.clientSecret, undefined, {
    timeout: 5,
    // A provider by plain HTTP is for tests and loopback; who configures one has been told by its address.
    ...(issuer.protocol === 'http:' ? { execute: [oidc.allowInsecureRequests] } : {}),
  });
}

async function redeem(
  configuration: oidc.Configuration,
  settings: SingleSignOn,
  requested: string,
  { state, verifier }: { state: string; verifier: string },
): Promise<string[]> {
  try {
    const answer = new URL(new URL(requested).search, new URL(CALLBACK, settings.publicUrl));
    const tokens = await oidc.authorizationCodeGrant(configuration, answer, {
      expectedState: state,
      pkceCodeVerifier: verifier,
    });
    return [tokens.access_token, tokens.id_token].filter((token): token is string => token !== undefined);
  } catch (error) {
    if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError)
      throw refused(`The identity provider says: ${error.error}.`);
    // Without a code, or out of time: no answer at all.
    if (error instanceof oidc.ClientError && error.code !== undefined && error.code !== 'OAUTH_TIMEOUT')
      throw refused('The answer of the identity provider does not fit.');
    throw unavailable(error);
  }
}

/** The one of the provider's tokens that the API takes: which it is differs between providers. */
async function accepted(
  c: Context<ConsoleEnv>,
  { options }: ConsoleContext,
  tokens: readonly string[],
): Promise<string> {
  let last: ApiProblem | undefined;
  for (const token of tokens.filter(({ length }) => length <= MAX_TOKEN_CHARACTERS)) {
    try {
      await new Api((path, init) => options.send(path, init, c.env), token).get('/whoami', identitySchema);
      return token;
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      last = error;
    }
  }
  if (last?.problem.status === 403) throw last;
  throw refused('None of the tokens of the identity provider is accepted: look at EUCORA_OIDC_AUDIENCE.');
}

function refused(detail: string): ApiProblem {
  const title = 'The log-in failed';
  return new ApiProblem({
    status: 403,
    code: 'forbidden',
    title,
    detail: `${detail} Log in again.`,
    correlation_id: '',
  });
}

function unavailable(cause: unknown): ApiProblem {
  const problem = new ApiProblem({
    status: 503,
    code: 'unavailable',
    title: 'The identity provider cannot be reached',
    detail: 'Try again shortly, or log in with an operator token.',
    correlation_id: '',
  });
  problem.cause = cause;
  return problem;
}

import { identitySchema } from '../../contracts/access/access.ts';
import { Api } from '../api.ts';
import { Page } from '../components/page.tsx';
import { ProblemNote } from '../components/parts.tsx';
import { ApiProblem } from '../problem.ts';
import type { AddPages } from '../types.ts';

/** A sealed cookie must stay below what browsers keep (4,096 bytes). */
export const MAX_TOKEN_CHARACTERS = 2_600;

interface LogInProps {
  readonly problem?: ApiProblem['problem'] | undefined;
  readonly next: string;
  /** Whether there is an identity provider to log in with. */
  readonly sso: boolean;
}

function LogIn({ problem, next, sso }: LogInProps) {
  return (
    <Page title="Log in">
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {sso ? (
        <p class="actions">
          <a class="button" href={`/console/login/oidc?next=${encodeURIComponent(next)}`}>
            Log in with your organisation’s account
          </a>
        </p>
      ) : null}
      <form method="post" action="/console/login" class="stack">
        <input type="hidden" name="next" value={next} />
        <label>
          Operator token
          <input
            name="token"
            type="password"
            required
            autocomplete="current-password"
            maxlength={MAX_TOKEN_CHARACTERS}
          />
        </label>
        <button type="submit">Log in</button>
      </form>
      <p>
        The first token of an installation lies in <code>admin-token</code> of its data folder. Further ones
        are made under Settings, or by <code>eucora tokens create</code>.
      </p>
    </Page>
  );
}

/** Only back to a page of the console: anything else would send the operator where a link wanted them. */
export function safeNext(next: unknown): string {
  return typeof next === 'string' && /^\/console(?:[/?][\x21-\x7e]*)?$/.test(next) ? next : '/console';
}

export const addLogIn: AddPages = (app, { options, sessions }) => {
  const sso = options.singleSignOn !== undefined;
  app.get('/console/login', (c) => c.html(<LogIn next={safeNext(c.req.query('next'))} sso={sso} />));

  app.post('/console/login', async (c) => {
    const form = await c.req.parseBody();
    const token = typeof form['token'] === 'string' ? form['token'].trim() : '';
    const next = safeNext(form['next']);
    try {
      if (token.length > MAX_TOKEN_CHARACTERS || !/^[\x21-\x7e]+$/.test(token)) {
        throw new ApiProblem({
          status: 401,
          code: 'unauthenticated',
          title: 'This is no token',
          detail: `A token has 1 to ${MAX_TOKEN_CHARACTERS} characters and no spaces.`,
          correlation_id: '',
        });
      }
      await new Api((path, init) => options.send(path, init, c.env), token).get('/whoami', identitySchema);
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      return c.html(
        <LogIn problem={error.problem} next={next} sso={sso} />,
        error.problem.status === 401 ? 401 : 503,
      );
    }
    await sessions.begin(c, token, c.env.secure);
    return c.redirect(next, 303);
  });

  app.post('/console/logout', (c) => {
    sessions.end(c);
    return c.redirect('/console/login', 303);
  });
};

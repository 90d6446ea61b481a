import type { Child } from 'hono/jsx';
import type { Identity } from '../../contracts/access/access.ts';
import { Page } from '../components/page.tsx';

interface ConfirmProps {
  readonly operator: Identity;
  readonly section: string;
  readonly title: string;
  readonly verb: string;
  readonly back: string;
  /** What else has to be said with it. */
  readonly field?: Child;
  /** What will be touched, and how many. */
  readonly children: Child;
}

/** Asked before what destroys; the form goes to the page's own address. */
export function Confirm({ operator, section, title, verb, back, field, children }: ConfirmProps) {
  return (
    <Page title={title} section={section} operator={operator}>
      <p>{children}</p>
      <form method="post" class="actions">
        {field}
        <button type="submit" class="danger">
          {verb}
        </button>
        <a class="button" href={back}>
          Keep things as they are
        </a>
      </form>
    </Page>
  );
}

import type { Child } from 'hono/jsx';
import type { Problem } from '../../contracts/http/problem.ts';

/** A moment: UTC without scripts, the reader's own zone with them; the other on hover. */
export function Time({ at, none = '–' }: { at: string | null | undefined; none?: string }) {
  if (at === null || at === undefined) return <span class="none">{none}</span>;
  const utc = `${at.slice(0, 19).replace('T', ' ')} UTC`;
  return (
    <time datetime={at} title={utc}>
      {utc}
    </time>
  );
}

const TONES: Readonly<Record<string, string>> = {
  ONLINE: 'good',
  PASSED: 'good',
  VALID: 'good',
  VERIFIED: 'good',
  NOT_VERIFIED: 'bad',
  EXCUSED: 'good',
  DONE: 'good',
  APPROVE: 'good',
  APPROVED: 'good',
  INSTALLED: 'good',
  RESOLVED: 'good',
  COMPLETED: 'good',
  delivered: 'good',
  DEGRADED: 'warn',
  EXPIRES_SOON: 'warn',
  PAUSED: 'warn',
  AWAITING_APPROVAL: 'warn',
  AWAITING_DECISION: 'warn',
  REQUESTED: 'warn',
  ROLLING_BACK: 'warn',
  TIMEOUT: 'warn',
  pending: 'warn',
  security: 'warn',
  CRITICAL: 'bad',
  HIGH: 'bad',
  MEDIUM: 'warn',
  OFFLINE: 'bad',
  SICK: 'bad',
  REJECT: 'bad',
  REJECTED: 'bad',
  EXPIRED: 'bad',
  ABORTED: 'bad',
  STOPPED: 'bad',
  ROLLED_BACK: 'bad',
  ROLLBACK_FAILED: 'bad',
  FAILED: 'bad',
  failed: 'bad',
  IN_PROGRESS: 'busy',
  RUNNING: 'busy',
  BUILDING: 'busy',
  SIGNING: 'busy',
  SCANNING: 'busy',
  ROLLING: 'busy',
  ROLLING_OUT: 'busy',
  SOAKING: 'busy',
  CANARY: 'busy',
  ROLLOUT: 'busy',
  ASSIGNED: 'busy',
};

/** A state by word and colour, so that it does not take colours to tell. */
export function Status({ of }: { of: string }) {
  return <span class={`status ${TONES[of] ?? 'plain'}`}>{of.replaceAll('_', ' ')}</span>;
}

export function Facts({ entries }: { entries: readonly (readonly [string, Child])[] }) {
  return (
    <dl class="facts">
      {entries.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>
            {value === null || value === undefined || value === '' ? <span class="none">–</span> : value}
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function Section({ title, id, children }: { title: string; id?: string; children: Child }) {
  return (
    <section id={id} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** What to do first where there is nothing yet. */
export function Empty({ children }: { children: Child }) {
  return <p class="empty">{children}</p>;
}

/** Why something was not done, and what to do. */
export function ProblemNote({
  problem,
}: {
  problem: Pick<Problem, 'title' | 'detail' | 'code' | 'errors' | 'correlation_id'>;
}) {
  return (
    <div class="problem" role="alert">
      <strong>{problem.title}.</strong> {problem.detail}
      {problem.errors === undefined ? null : (
        <ul>
          {problem.errors.map(({ path, message }) => (
            <li>
              <code>{path}</code>: {message}
            </li>
          ))}
        </ul>
      )}
      <small>
        Code <code>{problem.code}</code>, correlation id <code>{problem.correlation_id}</code>
      </small>
    </div>
  );
}

import { INTERPRETERS } from '../../contracts/agent-task/payload.ts';
import type { IncidentDetail, IncidentSuggestion } from '../../contracts/incident/incident.ts';
import { Act, Field } from '../components/form.tsx';
import { Empty, Section } from '../components/parts.tsx';
import { ScriptDiff } from './script-diff.tsx';

const PATH = '/console/incidents';
/** Of a script, in the list from which one is chosen. */
const SHOWN_CHARACTERS = 60;

export const devicesOf = ({ device_count }: IncidentDetail): string =>
  device_count === 1 ? 'one device' : `${device_count} devices`;

/** The suggestions that may be approved, and the one that an edit begins with. */
function choiceOf(incident: IncidentDetail) {
  const usable = incident.suggestions.filter(({ script }) => script !== null);
  const chosen = usable.find(({ id }) => id === incident.preselected_suggestion_id);
  return { usable, chosen, latest: chosen ?? usable[0] };
}

/** Shown to approvers while the incident waits for them. */
export function Decide({ incident }: { incident: IncidentDetail }) {
  const { usable, chosen } = choiceOf(incident);
  return (
    <Section title="Decide">
      {usable.length === 0 ? (
        <Empty>There is no suggestion that could be approved: write a script, or ask again.</Empty>
      ) : (
        <form method="post" action={`${PATH}/${incident.id}/approve`} class="stack">
          <label>
            Suggestion
            <select name="suggestion_id" required>
              {chosen === undefined ? <option value="">choose one</option> : null}
              {usable.map((one) => (
                <option value={one.id} selected={one.id === chosen?.id}>
                  {`${one.provider ?? one.created_by}: ${(one.script ?? '').slice(0, SHOWN_CHARACTERS)}`}
                </option>
              ))}
            </select>
          </label>
          <Field name="note" label="Note" />
          <label class="check">
            <input type="checkbox" name="no_retry" value="true" /> Do not do the failed tasks again afterwards
          </label>
          <button type="submit">
            {`Approve for ${devicesOf(incident)}${incident.device_count === 1 ? '' : ', one first'}`}
          </button>
        </form>
      )}
      <form method="post" action={`${PATH}/${incident.id}/ask`} class="stack">
        <Field name="wish" label="What it should do otherwise" />
        <button type="submit">Ask again</button>
      </form>
      <Act action={`${PATH}/${incident.id}/reject`} label="Reject" danger />
    </Section>
  );
}

interface Draft {
  readonly interpreter: string;
  readonly script: string;
  readonly verification: string;
  readonly explanation: string;
}

const draftOf = (suggestion: IncidentSuggestion | undefined): Draft => ({
  interpreter: suggestion?.interpreter ?? 'sh',
  script: suggestion?.script ?? '',
  verification: suggestion?.verification ?? '',
  explanation: '',
});

interface EditProps {
  readonly incident: IncidentDetail;
  /** What a person wrote and has not saved: compared with the suggestion that they began with. */
  readonly draft?: Readonly<Record<string, string>> | undefined;
}

export function Edit({ incident, draft }: EditProps) {
  const before = draftOf(choiceOf(incident).latest);
  const cleared: Draft = { interpreter: before.interpreter, script: '', verification: '', explanation: '' };
  const shown: Draft = draft === undefined ? before : { ...cleared, ...draft };
  return (
    <Section title="Edit">
      {draft === undefined ? null : (
        <>
          <p>Nothing is saved yet; once it is, it can be approved.</p>
          <ScriptDiff before={before.script} after={shown.script} />
          {before.verification === shown.verification ? null : (
            <>
              <h3>Check</h3>
              <ScriptDiff before={before.verification} after={shown.verification} />
            </>
          )}
        </>
      )}
      <form method="post" action={`${PATH}/${incident.id}/edit`}>
        <div class="stack">
          <label>
            Interpreter
            <select name="interpreter">
              {INTERPRETERS.map((one) => (
                <option value={one} selected={one === shown.interpreter}>
                  {one}
                </option>
              ))}
            </select>
          </label>
          <Field name="explanation" label="What it does" value={shown.explanation} />
        </div>
        <label>
          Script (the guardrails judge it, too)
          <textarea name="script" rows={10} spellcheck={false} required>
            {shown.script}
          </textarea>
        </label>
        <label>
          Check: a script that ends with 0 once a device is healthy (may be empty)
          <textarea name="verification" rows={4} spellcheck={false}>
            {shown.verification}
          </textarea>
        </label>
        <div class="actions">
          <button type="submit" name="step" value="compare">
            Compare
          </button>
          <button type="submit" name="step" value="save">
            Save as a suggestion
          </button>
          {draft === undefined ? null : (
            <a class="button" href={`${PATH}/${incident.id}`}>
              Back without saving
            </a>
          )}
        </div>
      </form>
    </Section>
  );
}

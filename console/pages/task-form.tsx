import { TASK_TYPES } from '../../contracts/agent-task/states.ts';
import { DEFAULT_TASK_TIMEOUT_SECONDS } from '../../contracts/agent-task/task.ts';
import { Field } from '../components/form.tsx';
import { ApiProblem } from '../problem.ts';

const EXAMPLE = '{"collect": ["installed_software", "system"]}';

/** What a task is to do, whoever it is for. */
export function TaskFields({ form }: { form: Record<string, string> }) {
  return (
    <>
      <div class="stack">
        <label>
          Type
          <select name="task_type">
            {TASK_TYPES.map((type) => (
              <option value={type} selected={type === (form['task_type'] ?? 'COLLECT')}>
                {type}
              </option>
            ))}
          </select>
        </label>
        <Field
          name="timeout_seconds"
          label="Timeout in seconds"
          type="number"
          min={1}
          max={2_592_000}
          value={form['timeout_seconds'] ?? DEFAULT_TASK_TIMEOUT_SECONDS}
        />
      </div>
      <label>
        Payload (JSON; the agent specification says what each type takes)
        <textarea name="payload" rows={8} spellcheck={false}>
          {form['payload'] ?? EXAMPLE}
        </textarea>
      </label>
    </>
  );
}

export function parseTaskForm(form: Record<string, string>): Record<string, unknown> {
  return {
    task_type: form['task_type'],
    payload: parsePayload(form['payload'] ?? '{}'),
    ...(form['timeout_seconds'] === undefined ? {} : { timeout_seconds: Number(form['timeout_seconds']) }),
  };
}

function parsePayload(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ApiProblem({
      status: 422,
      code: 'validation-failed',
      title: 'The payload is not JSON',
      detail: error instanceof Error ? error.message : String(error),
      correlation_id: '',
    });
  }
}

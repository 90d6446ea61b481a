import type { INTERPRETERS } from '../../contracts/agent-task/payload.ts';
import type { Finding } from '../../contracts/incident/ai.ts';
import type { Dialect } from './commands/model.ts';
import { Inspector } from './inspector.ts';

export { createRedactor, type Redactor } from './redaction/redactor.ts';
export { inspectText } from './text.ts';

type Interpreter = (typeof INTERPRETERS)[number];

const DIALECTS: Readonly<Record<Interpreter, Dialect>> = {
  sh: 'sh',
  bash: 'sh',
  powershell: 'powershell',
  cmd: 'cmd',
  python3: 'python',
};

/** A placeholder that redaction left: no machine can run it. */
const PLACEHOLDER = /\[[A-Z_]+_\d+\]/;

/** What a script must not do, found by reading it as its interpreter would; empty when nothing speaks against it. */
export function inspectScript(script: string, interpreter: Interpreter): Finding[] {
  const inspector = new Inspector();
  inspector.judge(script, DIALECTS[interpreter]);
  const placeholder = PLACEHOLDER.exec(script)?.[0];
  const findings = inspector.findings();
  if (placeholder !== undefined)
    findings.push({
      code: 'placeholder',
      message: 'Holds a placeholder of something that was redacted: a person must put in what is meant',
      excerpt: placeholder,
    });
  return findings;
}

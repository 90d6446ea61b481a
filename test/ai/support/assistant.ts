import { createAssistant } from '../../../ai/assistant/assistant.ts';
import type { Assistant, AssistantDependencies } from '../../../ai/assistant/ports.ts';
import { configSchema } from '../../../contracts/config.ts';
import type { Failure } from '../../../contracts/incident/ai.ts';

export const FAILURE: Failure = {
  platform: 'linux',
  package: 'nginx 1.24.0',
  exit_code: 100,
  error: 'E: Sub-process /usr/bin/dpkg returned an error code (1)',
  log: 'Unpacking nginx (1.24.0-2) ...\nfailed to write (No space left on device)',
};

export const CLASSIFIED = {
  category: 'INSTALLATION_FAILURE',
  root_cause: 'The disk is full',
  remediation: 'Free space',
  severity: 'high',
  confidence: 0.95,
  evidence: ['No space left on device'],
} as const;

export const SUGGESTED = {
  interpreter: 'sh',
  script: 'apt-get clean\n',
  explanation: 'Frees the cache of packages.',
  verification: 'test -d /var/cache/apt\n',
  confidence: 0.9,
} as const;

export interface Memory extends AssistantDependencies {
  readonly answers: Map<string, string>;
  readonly spent: Map<string, number>;
}

export function memory(): Memory {
  const answers = new Map<string, string>();
  const spent = new Map<string, number>();
  return {
    answers,
    spent,
    cache: {
      get: async (key) => answers.get(key),
      put: async (key, answer) => {
        answers.set(key, answer);
      },
    },
    ledger: {
      reserve: async (provider, tokens, limit) => {
        const sum = (spent.get(provider) ?? 0) + tokens;
        if (sum > limit) return false;
        spent.set(provider, sum);
        return true;
      },
      settle: async (provider, reserved, used) => {
        spent.set(provider, (spent.get(provider) ?? 0) - reserved + used);
      },
    },
    now: () => new Date('2026-01-02T03:04:05Z'),
  };
}

/** An assistant as configured by these variables. */
export function assistantWith(
  environment: Readonly<Record<string, string>>,
  dependencies: AssistantDependencies = memory(),
): Assistant {
  return createAssistant(
    configSchema.parse({ DATABASE_URL: 'postgres://db', EUCORA_DATA_DIR: '/data', ...environment }),
    dependencies,
  );
}

import { z } from 'zod';
import { optional, seconds } from '../setting-values.ts';
import { AI_PROVIDERS } from './ai.ts';

const httpUrl = z.url({ protocol: /^https?$/ });

/** Settings of the assistant, by environment variable; part of `contracts/config.ts`. */
export const aiSettings = {
  EUCORA_AI_PROVIDERS: z
    .string()
    .default('offline')
    .transform((value) => value.split(',').map((item) => item.trim()))
    .pipe(z.array(z.enum(AI_PROVIDERS)).min(1))
    .describe(
      'Who explains incidents, in the order in which they are asked: openai, azure, compatible, offline',
    ),
  EUCORA_AI_OPENAI_API_KEY: optional(z.string()).describe('Key for OpenAI'),
  EUCORA_AI_OPENAI_BASE_URL: optional(httpUrl).describe('Another address of OpenAI, as of a gateway'),
  EUCORA_AI_OPENAI_MODEL: z.string().min(1).default('gpt-4.1-mini').describe('Model at OpenAI'),
  EUCORA_AI_AZURE_ENDPOINT: optional(httpUrl).describe(
    'Azure OpenAI resource, as https://NAME.openai.azure.com',
  ),
  EUCORA_AI_AZURE_DEPLOYMENT: optional(z.string()).describe('Name of the deployment at Azure OpenAI'),
  EUCORA_AI_AZURE_API_VERSION: z
    .string()
    .min(1)
    .default('2024-10-21')
    .describe('API version of Azure OpenAI'),
  EUCORA_AI_AZURE_API_KEY: optional(z.string()).describe('Key for Azure OpenAI'),
  EUCORA_AI_AZURE_TOKEN_FILE: optional(z.string()).describe(
    'File with an Entra access token instead of a key; read at each call, for tokens are renewed',
  ),
  EUCORA_AI_COMPATIBLE_URL: optional(httpUrl).describe(
    'Base URL of an OpenAI-compatible server (vLLM, Ollama, LM Studio), as http://127.0.0.1:11434/v1',
  ),
  EUCORA_AI_COMPATIBLE_MODEL: optional(z.string()).describe('Model at that server'),
  EUCORA_AI_COMPATIBLE_API_KEY: optional(z.string()).describe('Key for that server, where it wants one'),
  EUCORA_AI_DAILY_TOKENS: z.coerce
    .number()
    .int()
    .min(0)
    .default(1_000_000)
    .describe('Tokens that may be spent a day (UTC), a provider'),
  EUCORA_AI_MAX_ANSWER_TOKENS: z.coerce
    .number()
    .int()
    .min(64)
    .max(16_384)
    .default(1_500)
    .describe('Longest answer that is asked for'),
  EUCORA_AI_TIMEOUT_SECONDS: seconds.default(30).describe('Wait for one answer'),
  EUCORA_AI_CACHE_HOURS: z.coerce
    .number()
    .int()
    .min(0)
    .max(8_760)
    .default(24)
    .describe('How long the answer for a failure is taken for the next one like it'),
  EUCORA_AI_CONFIDENCE_THRESHOLD: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(0.7)
    .describe('Below it an incident goes to a person with nothing preselected'),
  EUCORA_AI_REDACT_IP_ADDRESSES: z
    .stringbool()
    .default(false)
    .describe('Take addresses of machines out of what is sent to models'),
};

import { agentListQuery } from '../../contracts/agent/agent.ts';
import { detectionRuleSchema, signatureRuleSchema } from '../../contracts/agent-task/package-rules.ts';
import { ringSizeSchema } from '../../contracts/deployment/rings.ts';

const UNSTORABLE = ['a\u0000', 'a\ud800'];

it.each(UNSTORABLE)('text that Postgres cannot keep is no filter, no ring and no rule: %j', (value) => {
  expect(agentListQuery.safeParse({ tag: `site=${value}` }).success).toBe(false);
  expect(agentListQuery.safeParse({ tag: 'site=a' }).success).toBe(true);
  expect(ringSizeSchema.safeParse({ tag: `site=${value}` }).success).toBe(false);
  expect(ringSizeSchema.safeParse({ tag: 'site=a' }).success).toBe(true);
  expect(signatureRuleSchema.safeParse({ trusted_keys: [value] }).success).toBe(false);
  expect(signatureRuleSchema.safeParse({ trusted_keys: ['a'], note: value }).success).toBe(false);
  expect(signatureRuleSchema.safeParse({ trusted_keys: ['a'], note: 'a' }).success).toBe(true);
  expect(detectionRuleSchema.safeParse({ file_exists: '/a', [value]: 1 }).success).toBe(false);
});

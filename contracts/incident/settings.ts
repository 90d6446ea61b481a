import { z } from 'zod';

const seconds = (standard: number, meaning: string) =>
  z.coerce.number().int().min(1).max(31_536_000).default(standard).describe(meaning);

/** Settings of incidents, by environment variable; part of `contracts/config.ts`. */
export const incidentSettings = {
  EUCORA_INCIDENT_WINDOW_SECONDS: seconds(
    86_400,
    'Windows of time: within one a failure that comes back reopens its incident, in the next it opens another',
  ),
  EUCORA_INCIDENT_REMINDER_SECONDS: seconds(
    14_400,
    'Between reminders while an incident waits for a decision',
  ),
  EUCORA_INCIDENT_WAIT_SECONDS: seconds(259_200, 'After which an incident that nobody decided is closed'),
  EUCORA_INCIDENT_OBSERVE_SECONDS: seconds(
    120,
    'A remedied device must have been heard, without the failure, for so long to count as healthy',
  ),
  EUCORA_INCIDENT_CANARY_SECONDS: seconds(3_600, 'In which the first device must become healthy'),
  EUCORA_INCIDENT_REMEDY_SECONDS: seconds(86_400, 'In which each further device must become healthy'),
  EUCORA_INCIDENT_ROLLOUT_WINDOW: z.coerce
    .number()
    .int()
    .min(1)
    .max(500)
    .default(50)
    .describe('Devices of an incident that are remedied at once'),
};

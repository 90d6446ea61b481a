import { offlineQueueQuery, taskListQuery } from '../../../contracts/agent-task/task.ts';
import { FakePlatform, pageWith, refuse } from './support/platform.ts';
import { AGENT_ID, aQueueItem, aTask, OTHER_ID, TASK_ID } from './support/samples.ts';
import { eucora } from './support/session.ts';

let platform: FakePlatform;
beforeAll(async () => {
  platform = await FakePlatform.start();
});
beforeEach(() => platform.reset());
afterAll(() => platform.stop());

it('lists tasks by every filter', async () => {
  platform.list(
    '/tasks',
    taskListQuery,
    pageWith([aTask({ status: 'IN_PROGRESS', progress_percent: 41.6, progress_message: 'unpacking' })]),
  );
  const { stdout } = await eucora(
    platform,
    `tasks list --agent ${AGENT_ID} --status in_progress --type collect --correlation c-1 --after 1h --before 2026-11-23`,
  );
  expect(stdout).toMatch(/COLLECT +IN_PROGRESS +\S{36} +42 % unpacking +0\/3 +3 min ago +-/);
  expect(platform.seen[0]?.query).toEqual({
    agent_id: AGENT_ID,
    status: 'IN_PROGRESS',
    task_type: 'COLLECT',
    correlation_id: 'c-1',
    created_after: '2026-11-22T07:00:00.000Z',
    created_before: '2026-11-23T00:00:00.000Z',
    limit: '50',
  });
});

it('shows one task with what it carries and brought', async () => {
  platform.on(`GET /tasks/${TASK_ID}`, {
    json: aTask({ status: 'COMPLETED', result: { found: 3 }, retry_of: OTHER_ID }),
  });
  const { code, stdout } = await eucora(platform, `tasks show ${TASK_ID}`);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^WORKFLOW +agent-task\//m);
  expect(stdout).toMatch(/"found": 3/);
  expect(stdout).toContain(OTHER_ID);
});

it.each(['cancel', 'retry'])('%ss a task, and does not send it twice', async (word) => {
  platform.on(`POST /tasks/${TASK_ID}/${word}`, { json: aTask({ status: 'CANCELLED' }) });
  const { stdout } = await eucora(platform, `tasks ${word} ${TASK_ID}`);
  expect(stdout).toMatch(/^STATUS +CANCELLED$/m);
  platform.reset();
  platform.on(`POST /tasks/${TASK_ID}/${word}`, { hangUp: true });
  const lost = await eucora(platform, `tasks ${word} ${TASK_ID} --correlation-id mine`);
  expect(lost.code).toBe(3);
  expect(lost.stderr).toContain('It may have been done all the same');
  expect(lost.stderr).toContain('eucora audit list --correlation mine');
  expect(platform.seen).toHaveLength(1);
});

it('tells the state that stands in the way', async () => {
  platform.on(`POST /tasks/${TASK_ID}/cancel`, refuse('task-state-conflict', { task_status: 'COMPLETED' }));
  const { code, stderr } = await eucora(platform, `tasks cancel ${TASK_ID}`);
  expect(code).toBe(1);
  expect(stderr).toContain('Said by the platform. The task is COMPLETED.');
  platform.on(
    `POST /tasks/${TASK_ID}/cancel`,
    refuse('task-state-conflict', { task_status: 'COMPLETED', detail: 'It is COMPLETED.' }),
  );
  expect((await eucora(platform, `tasks cancel ${TASK_ID}`)).stderr).toContain('  It is COMPLETED.\n');
});

it.each([
  ['--delivered', 'true'],
  ['--undelivered', 'false'],
])('shows the offline queue with %s', async (flag, delivered) => {
  platform.list('/offline-queue', offlineQueueQuery, pageWith([aQueueItem]));
  const { stdout } = await eucora(platform, `tasks queue --agent ${AGENT_ID} ${flag}`);
  expect(stdout).toMatch(/3 min ago +- +1\/3/);
  expect(platform.seen[0]?.query).toEqual({ agent_id: AGENT_ID, delivered, limit: '50' });
});

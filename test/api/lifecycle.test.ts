import { call, TestAgent } from '../harness/agent-client.ts';
import { startTestApi, type TestApi } from '../harness/api.ts';

describe('A task from creation to completion over mutual TLS', () => {
  let api: TestApi;
  let agent: TestAgent;

  beforeAll(async () => {
    api = await startTestApi();
    agent = await TestAgent.enrol(api);
  });
  afterAll(async () => {
    await agent?.close();
    await api?.dispose();
  });

  it('is handed over, started and completed; repeated words are harmless, late ones get 409', async () => {
    const headers = { authorization: `Bearer ${await api.token('operator')}` };
    expect((await agent.heartbeat()).body).toMatchObject({ status: 'ONLINE', pending_tasks: [] });
    const created = await call(`${api.operatorUrl}/api/v1/tasks`, {
      headers,
      body: { agent_id: agent.id, task_type: 'COLLECT' },
    });
    expect(created.status).toBe(201);
    const id = String(created.body['id']);
    expect((await agent.say(id, 'complete')).status).toBe(409);
    expect((await agent.heartbeat()).body).toMatchObject({ pending_tasks: [{ id, status: 'ASSIGNED' }] });
    expect((await agent.say(id, 'start')).body).toMatchObject({ status: 'IN_PROGRESS' });
    expect((await agent.say(id, 'start')).status).toBe(200);
    expect((await agent.say(id, 'complete', { result: { n: 1 } })).body).toMatchObject({
      status: 'COMPLETED',
    });
    expect(await agent.say(id, 'fail', { error_message: 'late' })).toMatchObject({
      status: 409,
      body: { code: 'task-state-conflict', task_status: 'COMPLETED' },
    });
    const shown = await call(`${api.operatorUrl}/api/v1/tasks/${id}/`, { headers });
    expect(shown.body).toMatchObject({ status: 'COMPLETED', result: { n: 1 } });
  });
});

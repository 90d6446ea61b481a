import type { TestAgent } from '../../harness/agent-client.ts';
import { World } from '../support/world.ts';

describe('Where packages reach devices by deployments alone', () => {
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await World.start({ overrides: { EUCORA_DIRECT_DEPLOYS: 'refused' } });
    agent = await world.enrol();
  });
  afterAll(() => world?.dispose());

  const payload = { package_name: 'p', package_version: '1', artifact: { sha256: 'a'.repeat(64) } };
  const refused = { status: 403, body: { code: 'deployment-required' } };
  const create = (task_type: string, content: object) =>
    world.operator('/api/v1/tasks', { body: { agent_id: agent.id, task_type, payload: content } });

  it('no operator gives an agent a package, for one or for many, not even admin', async () => {
    expect(await create('DEPLOY', payload)).toMatchObject(refused);
    expect(await create('DEPLOY', { ...payload, action: 'uninstall' })).toMatchObject(refused);
    for (const path of ['/api/v1/tasks/bulk', '/api/v1/tasks/bulk?dry_run=true']) {
      const body = { selection: { agent_ids: [agent.id] }, task_type: 'DEPLOY', payload };
      expect(await world.operator(path, { body })).toMatchObject(refused);
    }
    const listed = await world.operator('/api/v1/tasks?task_type=DEPLOY');
    expect(listed.body).toMatchObject({ items: [] });
  });

  it('nor by repeating what a deployment gave it; the other kinds of tasks are taken and repeated', async () => {
    const { tasks } = world.api.database.stores;
    const origin = { actor: { type: 'workflow', id: 'deployment/x' }, correlationId: 'test' } as const;
    const rest = { timeout_seconds: 60, max_retries: 1 };
    const given = await tasks.create({ agent_id: agent.id, task_type: 'DEPLOY', payload, ...rest }, origin);
    const collect = await create('COLLECT', { collect: ['system'] });
    expect(collect.status).toBe(201);
    const ids = ['task' in given ? given.task.id : '', String(collect.body['id'])];
    const retried = [];
    for (const id of ids) {
      await world.operator(`/api/v1/tasks/${id}/cancel`, { method: 'POST' });
      retried.push(await world.operator(`/api/v1/tasks/${id}/retry`, { method: 'POST' }));
    }
    expect(retried).toMatchObject([refused, { status: 201 }]);
    const nowhere = await world.operator(`/api/v1/tasks/${agent.id}/retry`, { method: 'POST' });
    expect(nowhere.status).toBe(404);
  });
});

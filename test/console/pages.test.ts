import { randomUUID } from 'node:crypto';
import { pages } from './support/pages.ts';

const NOBODY = '01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01';

describe('Pages without a browser', () => {
  const on = pages();

  describe('of the fleet', () => {
    it('say that all is well, what waits for the reader, and what is wrong', async () => {
      const agents = await Promise.all(Array.from({ length: 4 }, () => on.fleet.online()));
      expect((await on.viewer.get('/console')).html).toContain(
        'The fleet is well, and nothing waits for you.',
      );
      await on.trouble.waiting(1);
      expect((await on.viewer.get('/console')).html).toContain('One incident waits for a decision');
      await on.trouble.waiting(1);
      await on.rollouts.create({ pipeline_id: await on.rollouts.pipeline() });
      const busy = (await on.viewer.get('/console')).html;
      for (const words of [
        'The fleet is online; this waits for you:',
        '2 incidents wait',
        'One deployment waits',
      ])
        expect(busy).toContain(words);
      await on.sql(`UPDATE agent SET status = 'DEGRADED' WHERE id = $1`, [agents[0]]);
      await on.sql(`UPDATE agent SET status = 'OFFLINE' WHERE id = ANY($1)`, [agents.slice(1)]);
      const { html } = await on.viewer.get('/console');
      expect(html).toMatch(/3 of \d+ agents are not online\./);
      expect(html).toContain(' 1 report trouble.');
      await on.sql(`UPDATE agent SET status = 'ONLINE'`);
    });

    it('count no further than to ten', async () => {
      const agents = await Promise.all(Array.from({ length: 11 }, () => on.fleet.enrol({ critical: true })));
      await on.sql(
        `INSERT INTO alert (id, kind, agent_id, opened_at, delivery, delivery_batch)
         SELECT uuid7(), 'agent_offline', id, now(), 'disabled', uuid7() FROM unnest($1::uuid[]) AS id`,
        [agents],
      );
      expect((await on.viewer.get('/console')).html).toContain('10 and more critical agents are offline');
      expect((await on.viewer.get('/console/alerts?open=true')).html).toContain('OPEN');
      await on.sql('UPDATE alert SET resolved_at = now()');
      expect((await on.viewer.get('/console/alerts?open=true')).html).toContain('No alert fits.');
    });

    it('draw who was there over time, with the rare versions together, and name who was lost', async () => {
      const lost = await on.fleet.online();
      const gone = randomUUID();
      for (const id of [lost, gone])
        await on.sql(
          `INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id, before, after)
           VALUES (uuid7(), now(), 'system', 'x', 'agent.status', 'change', 'agent', $1, '{"status":"ONLINE"}',
             '{"status":"OFFLINE","reason":"silent for 5 minutes"}')`,
          [id],
        );
      for (let n = 0; n < 10; n += 1) await on.fleet.enrol({}, { agent_version: `2.0.${n}` });
      await on.world.api.database.stores.fleetHistory.sample();
      await on.sql(
        `INSERT INTO fleet_sample SELECT at - interval '2 hours', by_status, by_platform, by_agent_version FROM fleet_sample`,
      );
      const { html } = await on.viewer.get('/console');
      const { hostname } = (await on.world.operator(`/api/v1/agents/${lost}`)).body;
      for (const words of [String(hostname), gone, 'silent for 5 minutes', 'others', 'Agent version (8 of'])
        expect(html).toContain(words);
      expect(html).toMatch(/−6\d min/);
    });
  });

  describe('of agents', () => {
    it('offer tasks to those who may give them, and pages as long as there are some', async () => {
      for (let n = 0; n < 51; n += 1) await on.fleet.enrol(n === 0 ? { critical: true, site: 'zurich' } : {});
      await on.expectShownTo('/console/agents', 'Task for the selected agents', [on.admin, on.operator]);
      const first = (await on.viewer.get('/console/agents')).html;
      const [, next = ''] = /rel="next" href="([^"]*)"/.exec(first) ?? [];
      const second = await on.viewer.get(next.replaceAll('&amp;', '&'));
      expect([second.status, second.html.includes('First page')]).toEqual([200, true]);
      expect((await on.viewer.get('/console/agents?tag=site%3Dzurich')).html).toContain(
        'site=zurich, critical',
      );
      const none = (await on.viewer.get('/console/agents?hostname=nowhere')).html;
      expect(none).toContain('Show all');
      await on.fleet.enrol({}, { hostname: 'lost-laptop' });
      const { rows } = await on.sql(`SELECT id FROM agent WHERE hostname = 'lost-laptop'`);
      expect((await on.operator.post(`/console/agents/${rows[0].id}/revoke`)).location).toContain(rows[0].id);
      expect((await on.viewer.get('/console/agents?hostname=lost-laptop')).html).toContain('REVOKED');
      expect((await on.viewer.get(`/console/agents/${rows[0].id}`)).html).toContain('REVOKED');
    });

    it('ask for a selection before a task, and say what is wrong with one', async () => {
      expect((await on.operator.post('/console/agents/tasks/new')).html).toContain('No agent was selected.');
      const [one, two] = [await on.fleet.online(), await on.fleet.online()];
      const asked = await on.operator.post('/console/agents/tasks/new', { agent_ids: one });
      expect(asked.html).toContain('For <strong>one agent</strong>');
      const both = await on.operator.post('/console/agents/tasks/new', [
        ['agent_ids', one],
        ['agent_ids', two],
      ]);
      for (const words of ['For <strong>2 agents</strong>', 'Create 2 tasks'])
        expect(both.html).toContain(words);
      const wrong = await on.operator.post('/console/agents/tasks', {
        agent_ids: two,
        task_type: 'COLLECT',
        payload: '{"collect": ["money"]}',
      });
      expect([wrong.status, wrong.html.includes('validation-failed')]).toEqual([422, true]);
      // Without a timeout or payload of its own.
      const made = await on.operator.post('/console/agents/tasks', { agent_ids: two, task_type: 'COLLECT' });
      expect(made.location).toContain('created=1');
      expect((await on.operator.get(made.location ?? '')).html).toContain('One task was created.');
      expect((await on.operator.get('/console/tasks?created=3')).html).toContain('3 tasks were created.');
    });

    it('show one with what is known of it, and to whom it is cut loose', async () => {
      const id = await on.fleet.enrol(
        { rack: 12 },
        {
          cpu_cores: 8,
          memory_mb: 1_024,
          disk_gb: 10,
          ip_address: '10.0.0.1',
          mac_address: '00:11:22:33:44:55',
        },
      );
      const path = `/console/agents/${id}`;
      await on.expectShownTo(path, `${path}/revoke`, [on.admin, on.operator]);
      await on.expectShownTo(path, `${path}/delete`, [on.admin]);
      const { html } = await on.viewer.get(path);
      for (const words of [
        '1024 MiB',
        '10 GiB',
        'never',
        'rack=12',
        'It has had no task.',
        'None was issued to it.',
        'nothing was measured',
        'has not yet told what is installed',
      ])
        expect(html).toContain(words);
      expect((await on.viewer.get(`${path}?span=nonsense`)).html).toMatch(/aria-current="true">24h/);
      const other = await on.fleet.online();
      await on.sql('UPDATE agent SET cloned_from = $2 WHERE id = $1', [other, id]);
      expect((await on.viewer.get(`/console/agents/${other}`)).html).toContain('Cloned from');
      expect((await on.admin.get(`${path}/delete`)).html).toContain('One agent is removed');
      expect((await on.admin.post(`${path}/delete`)).location).toBe('/console/agents');
      expect((await on.admin.get(path)).status).toBe(404);
    });

    it('name who is revoked with an agent, and count the tasks that end', async () => {
      const [original, clone, clonesClone, gone] = await Promise.all(
        Array.from({ length: 4 }, () => on.fleet.online()),
      );
      for (const [id, from] of [
        [clone, original],
        [gone, original],
        [clonesClone, clone],
      ])
        await on.sql('UPDATE agent SET cloned_from = $2 WHERE id = $1', [id, from]);
      await on.sql('UPDATE agent SET revoked_at = now() WHERE id = $1', [gone]);
      const alone = (await on.operator.get(`/console/agents/${clonesClone}/revoke`)).html;
      for (const words of ['One agent loses its certificate', 'begun or not: none.'])
        expect(alone).toContain(words);
      const { tasks } = on.world.api.database.stores;
      const begun = await on.fleet.task(original ?? '');
      await on.fleet.heartbeat(original ?? '');
      await tasks.takeWord(begun, original ?? '', { word: 'start' }, 'test');
      await on.fleet.task(clonesClone ?? '');
      const path = `/console/agents/${original}`;
      const all = (await on.operator.get(`${path}/revoke`)).html;
      for (const words of ['3 agents lose their certificates', 'begun or not: 2.', 'Revoke these agents'])
        expect(all).toContain(words);
      expect((await on.admin.get(`${path}/delete`)).html).toContain('begun or not: 1.');
      expect((await on.operator.post(`${path}/revoke`)).location).toBe(path);
      const { rows } = await on.sql(
        'SELECT count(*)::int AS open FROM agent_task WHERE agent_id = ANY($1) AND completed_at IS NULL',
        [[original, clone, clonesClone]],
      );
      expect(rows[0].open).toBe(0);
      const { rows: revoked } = await on.sql(
        'SELECT id FROM agent WHERE id = ANY($1) AND revoked_at IS NOT NULL',
        [[original, clone, clonesClone]],
      );
      expect(revoked).toHaveLength(3);
    });

    it('count no further than to twenty who are revoked together', async () => {
      const original = await on.fleet.online();
      await on.sql(
        `INSERT INTO agent (id, registration_key, hardware_id, hostname, platform, platform_version, agent_version, status,
           presence_shard, first_seen_at, tags, metadata, created_at, updated_at, cloned_from)
         SELECT uuid7(), 'copy:' || n, 'copy-' || n, 'copy', 'linux', '', '1', 'UNKNOWN', 0, now(), '{}', '{}', now(), now(), $1
         FROM generate_series(1, 21) n`,
        [original],
      );
      const { html } = await on.operator.get(`/console/agents/${original}/revoke`);
      for (const words of ['At least 21 agents lose their certificates', 'begun or not: at least 0.'])
        expect(html).toContain(words);
    });

    it('warn of a certificate on its last day, and list those before it', async () => {
      const id = await on.fleet.online();
      const { certificates } = on.world.api.database.stores;
      const day = (n: number) => new Date(Date.now() + n * 86_400_000);
      for (const serial of ['01', '02', '03']) {
        const known = { serial, fingerprint: serial, subject: 'CN=x', authority: 'aa' };
        await certificates.add(id, { ...known, notBefore: day(-90), notAfter: day(1.5) }, 'test');
      }
      await on.sql(
        'UPDATE agent_certificate SET not_before = NULL, authority_sha256 = NULL, issued_at = $2 WHERE agent_id = $1 AND serial = $3',
        [id, day(0.1), '03'],
      );
      const { html } = await on.viewer.get(`/console/agents/${id}`);
      for (const words of ['2 before it', 'EXPIRES SOON', 'Renewed']) expect(html).toContain(words);
      await on.sql(
        `UPDATE agent_certificate SET issued_at = now() - interval '60 days' WHERE serial <> '03'`,
      );
      await on.sql(`UPDATE agent_certificate SET issued_at = now() - interval '50 days' WHERE serial = '03'`);
      expect((await on.viewer.get(`/console/agents/${id}`)).html).toContain('expires in one day');
    });

    it('save tags, and say which of them cannot be', async () => {
      const id = await on.fleet.online();
      const wrong = await on.operator.post(`/console/agents/${id}/tags`, { tags: 'no spaces here=1' });
      expect([wrong.status, wrong.html.includes('no spaces here=1')]).toEqual([422, true]);
      expect((await on.operator.post(`/console/agents/${id}/tags`)).location).toBe(`/console/agents/${id}`);
      expect((await on.viewer.post(`/console/agents/${id}/tags`, { tags: 'a=b' })).status).toBe(403);
    });

    it('take an id for an id, whatever else it spells', async () => {
      const task = await on.fleet.task(await on.fleet.online());
      const id = encodeURIComponent(`../tasks/${task}/cancel?`);
      for (const word of ['revoke', 'delete', 'tags']) {
        const { status } = await on.admin.post(`/console/agents/${id}/${word}`, { tags: 'a=b' });
        expect([word, [404, 422].includes(status)]).toEqual([word, true]);
      }
      expect((await on.fleet.find(task)).status).toBe('PENDING');
    });

    it('shorten a long list of software', async () => {
      const agent = await on.world.enrol();
      const told = await agent.post(`/api/v1/agents/${agent.id}/telemetry`, {
        collected_at: new Date().toISOString(),
        installed_software: Array.from({ length: 501 }, (_, n) => ({ name: `p${n}`, version: '1' })),
      });
      expect(told.status).toBe(200);
      const { html } = await on.viewer.get(`/console/agents/${agent.id}`);
      expect(html).toContain('The first 500; the API gives all.');
    });
  });

  describe('of tasks', () => {
    it('say what is waited for at each state, and let it be cancelled or run again', async () => {
      const id = await on.fleet.online();
      const task = await on.fleet.task(id);
      const path = `/console/tasks/${task}`;
      await on.expectShownTo(path, 'Cancel the task', [on.admin, on.operator]);
      expect((await on.viewer.get(path)).html).toContain('for a heartbeat of its agent, which takes it');
      await on.fleet.heartbeat(id);
      expect((await on.viewer.get(path)).html).toContain('for its agent to start it');
      await on.sql(`UPDATE agent_task SET status = 'PENDING' WHERE id = $1`, [task]);
      expect((await on.viewer.get(path)).html).toContain('the last hand-over was lost');
      await on.sql(`UPDATE agent_task SET status = 'ASSIGNED' WHERE id = $1`, [task]);
      const { tasks } = on.world.api.database.stores;
      await tasks.takeWord(task, id, { word: 'start' }, 'test');
      await tasks.takeWord(task, id, { word: 'progress', percent: 50, message: 'half way' }, 'test');
      const working = (await on.viewer.get(path)).html;
      expect(working).toContain('for its agent to finish it');
      expect(working).toContain('50 % half way');
      expect((await on.operator.get(`${path}/cancel`)).html).toContain(
        'One task of one agent ends as CANCELLED',
      );
      expect((await on.operator.post(`${path}/cancel`)).location).toBe(path);
      expect((await on.viewer.get(path)).html).toContain('for nothing: this is its end');
      const again = await on.operator.post(`${path}/retry`);
      expect(again.location).toMatch(/^\/console\/tasks\//);
      expect((await on.viewer.get(again.location ?? '')).html).toContain(`href="${path}"`);
      expect((await on.viewer.get('/console/tasks?correlation_id=nothing')).html).toContain('No task fits.');
    });
  });

  describe('of records and settings', () => {
    it('link audit events to what the console shows', async () => {
      for (const object_type of [
        'deployment',
        'incident',
        'packaging_pipeline',
        'agent_task',
        'agent',
        'alert',
      ])
        await on.sql(
          `INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id)
           VALUES (uuid7(), now(), 'operator', 'x', 'link.test', 'change', $1, $2)`,
          [object_type, NOBODY],
        );
      const { html } = await on.viewer.get('/console/audit?action=link.test');
      for (const part of ['deployments', 'incidents', 'packages', 'tasks', 'agents'])
        expect(html).toContain(`href="/console/${part}/${NOBODY}"`);
      const exported = await on.viewer.get('/console/audit/export?action=link.test&from=2000-01-01');
      expect(exported.html.trim().split('\n')).toHaveLength(6);
    });

    it('export more than one page of events', async () => {
      await on.sql(
        `INSERT INTO audit_event (id, at, actor_type, actor_id, action, kind, object_type, object_id)
         SELECT uuid7(), now(), 'operator', 'x', 'many.test', 'change', 'thing', n::text FROM generate_series(1, 1100) n`,
      );
      const { html } = await on.viewer.get('/console/audit/export?action=many.test');
      expect(html.trim().split('\n')).toHaveLength(1_100);
    });

    it('make tokens for whom they may, revoke them, and say what is wrong', async () => {
      const made = await on.admin.post('/console/settings/operator-tokens', {
        name: 'helper',
        scopes: 'viewer',
      });
      expect([made.status, made.html.includes('Operator token, shown this once')]).toEqual([201, true]);
      expect((await on.operator.get('/console/settings')).html).not.toContain('Make an operator token');
      expect(
        (await on.admin.post('/console/settings/enrolment-tokens', { name: 'x', days: '0' })).status,
      ).toBe(422);
      const { rows } = await on.sql(`SELECT id FROM operator_token WHERE name = 'helper'`);
      const path = `/console/settings/operator-tokens/${rows[0].id}/revoke`;
      const asked = (await on.admin.get(path)).html;
      for (const words of ['Revoke the operator token helper?', 'scopes: viewer'])
        expect(asked).toContain(words);
      expect(asked).not.toContain('Agents that enrolled');
      expect((await on.admin.get(path.replace(rows[0].id, NOBODY))).status).toBe(404);
      expect((await on.admin.post(path)).location).toBe('/console/settings');
      expect((await on.admin.get('/console/settings')).html).toContain('revoked');
    });
  });

  it('are refused to a session whose operator may no longer look', async () => {
    await on.sql(`UPDATE operator_token SET scopes = '{}' WHERE name = 'test-viewer'`);
    expect((await on.viewer.get('/console/agents')).status).toBe(403);
  });
});

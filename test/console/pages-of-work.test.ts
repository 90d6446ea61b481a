import { World } from '../api/support/world.ts';
import { Rollouts, ring } from '../db/support/rollout.ts';
import { aFinding, keep, packed } from '../packaging-pipeline/support/packed.ts';
import { pipelineRequest } from '../packaging-pipeline/support/samples.ts';
import { pages } from './support/pages.ts';
import { Reader } from './support/reader.ts';

describe('Pages without a browser', () => {
  const on = pages();

  describe('of packages', () => {
    it('show a pipeline that runs, ask before it is cancelled, and offer it again', async () => {
      const made = await on.world.operator('/api/v1/packaging-pipelines', {
        body: pipelineRequest(await keep(on.world, 'source', 'source of running')),
      });
      const id = String(made.body['id']);
      const path = `/console/packages/${id}`;
      await on.expectShownTo(path, `${path}/cancel`, [on.admin, on.operator]);
      const { html } = await on.viewer.get(path);
      for (const words of [
        'None has begun.',
        'It has not been scanned.',
        'There is none yet.',
        'There is no SBOM yet.',
      ])
        expect(html).toContain(words);
      const { pipelines } = on.world.api.database.stores;
      await pipelines.progress.beginStep(id, 'build');
      await pipelines.logs.append(id, `${'x'.repeat(15_000)}\n`);
      // Shown as a whole, though it is longer than what is shown at least.
      await pipelines.logs.append(id, `${'y'.repeat(25_000)}\n`);
      const running = (await on.viewer.get(path)).html;
      const shown = ['The end of it; the API gives all.', 'yyy', 'xxx'];
      expect(shown.map((words) => running.includes(words))).toEqual([true, true, false]);
      const asked = (await on.operator.get(`${path}/cancel`)).html;
      for (const words of [`Cancel the pipeline of ${made.body['package_name']}`, 'One pipeline is stopped'])
        expect(asked).toContain(words);
      expect((await on.operator.post(`${path}/cancel`)).location).toBe(path);
      await pipelines.progress.fail(id, { step: 'build', code: 'cancelled', message: 'Stopped.' });
      expect((await on.viewer.get(path)).html).toContain('is-failed');
      const again = await on.operator.post(`${path}/retry`);
      expect((await on.viewer.get(again.location ?? '')).status).toBe(200);
    });

    it('name what excused a finding also when the exception was revoked since', async () => {
      const { policyExceptions } = on.world.api.database.stores;
      const by = (id: string) => ({ type: 'operator', id }) as const;
      const request = {
        package_name: 'excused',
        cve_ids: ['CVE-2019-10744'],
        reason: 'not reachable',
        expires_in_seconds: 3_600,
      };
      const { id: exception } = await policyExceptions.request(request, by('one'), 'test');
      await policyExceptions.approve(exception, by('second person'), 'test');
      const findings = [aFinding({ id: 'CVE-2019-10744' })];
      const { id } = await packed(on.world, { name: 'excused', findings, exceptionIds: [exception] });
      expect((await on.admin.post(`/console/exceptions/${exception}/revoke`)).status).toBe(303);
      const { html } = await on.viewer.get(`/console/packages/${id}`);
      for (const words of ['CVE-2019-10744', 'not reachable', 'second person']) expect(html).toContain(words);
    });

    it('say so where there is no evidence', async () => {
      const { id, packId } = await packed(on.world, { name: 'orphan' });
      await on.sql('DELETE FROM evidence_pack WHERE id = $1', [packId]);
      const { html } = await on.viewer.get(`/console/packages/${id}`);
      expect(html).toContain('A pack is made when the pipeline has passed.');
    });

    it('show what was decided by which rules', async () => {
      const id = await on.rollouts.pipeline({ name: 'judged' });
      const rule = {
        rule: 'severity-gate',
        outcome: 'PASSED',
        reason: 'No finding',
        findings: ['CVE-1'],
        exceptions: [],
      };
      await on.sql('UPDATE packaging_pipeline SET policy_decision = $2 WHERE id = $1', [
        id,
        { verdict: 'PASSED', policy: 'strict', rules: [rule], exception_ids: [], decided_at: 'now' },
      ]);
      const { html } = await on.viewer.get(`/console/packages/${id}`);
      for (const words of ['Policy strict', 'severity-gate', 'CVE-1']) expect(html).toContain(words);
    });

    it('let exceptions be requested, approved and revoked', async () => {
      const form = { package_name: 'p', cve_ids: 'CVE-2026-9', reason: 'r', days: '2', package_version: '1' };
      expect((await on.operator.post('/console/exceptions', { ...form, cve_ids: '' })).status).toBe(422);
      expect((await on.viewer.post('/console/exceptions', form)).status).toBe(403);
      expect((await on.operator.post('/console/exceptions', form)).location).toBe('/console/exceptions');
      const { items } = await on.world.api.database.stores.policyExceptions.list({ limit: 1 });
      const path = `/console/exceptions/${items[0]?.id}`;
      await on.expectShownTo('/console/exceptions', 'Request an exception', [on.admin, on.operator]);
      await on.expectShownTo('/console/exceptions', `${path}/approve`, [on.admin]);
      expect((await on.admin.post(`${path}/approve`)).location).toBe('/console/exceptions');
      const asked = (await on.admin.get(`${path}/revoke`)).html;
      for (const words of ['Revoke the exception of p 1?', 'One exception ends at once: of CVE-2026-9'])
        expect(asked).toContain(words);
      expect((await on.admin.post(`${path}/revoke`)).location).toBe('/console/exceptions');
      expect((await on.viewer.get('/console/exceptions')).html).toContain('REVOKED');
    });
  });

  describe('of deployments', () => {
    it('show how devices failed in each ring', async () => {
      await on.rollouts.online(1);
      const id = await on.rollouts.begin({ pipeline_id: await on.rollouts.pipeline({ name: 'failing' }) });
      await on.rollouts.settle(id);
      expect(await on.rollouts.work(id, () => ({ fail: 'no', kind: 'signature' }))).toBeGreaterThan(0);
      await on.rollouts.settle(id);
      const { html } = await on.viewer.get(`/console/deployments/${id}`);
      expect(html).toMatch(/\d+ × signature/);
    });

    it('show who decided what, under which conditions, and ask before each word', async () => {
      await on.rollouts.online(2, { decided: true });
      const creation = await on.rollouts.create({
        pipeline_id: await on.rollouts.pipeline({ name: 'decided' }),
        selection: { tag: 'decided' },
        plan: { rings: [ring('first', { count: 1 }), ring('rest', { rest: true })] },
      });
      if (creation.kind !== 'created') throw new Error(creation.kind);
      const path = `/console/deployments/${creation.deployment.id}`;
      await on.expectShownTo(path, `${path}/decide`, [on.admin]);
      await on.expectShownTo(path, `${path}/reject`, [on.admin]);
      expect((await on.viewer.get(path)).html).toContain('It waits for an approver.');
      const approved = await on.admin.post(`${path}/decide`, {
        comment: 'slowly',
        pause_after_ring: 'first',
        max_per_minute: '5',
      });
      expect(approved.location).toBe(path);
      await on.rollouts.settle(creation.deployment.id);
      const { html } = await on.viewer.get(path);
      for (const words of ['pause after ring: first', 'max per minute: 5', 'slowly'])
        expect(html).toContain(words);
      await on.expectShownTo(path, `${path}/words/pause`, [on.admin, on.operator]);
      // The first ring of two: one device has a task, the other one waits.
      const asked = (await on.operator.get(`${path}/words/pause`)).html;
      expect(asked).toContain(
        'given no more tasks: one device. Of one device with a task, those tasks are taken back',
      );
      expect((await on.operator.post(`${path}/words/pause`)).location).toBe(path);
      expect((await on.viewer.get('/console/deployments?status=PAUSED')).html).toContain('decided');
      expect((await on.operator.post(`${path}/words/abort`)).location).toBe(path);
      const rejected = await on.rollouts.create({
        pipeline_id: await on.rollouts.pipeline({ name: 'turned-down' }),
      });
      if (rejected.kind !== 'created') throw new Error(rejected.kind);
      const other = `/console/deployments/${rejected.deployment.id}`;
      expect((await on.admin.get(`${other}/reject`)).html).toContain('turned-down 1.0.0 goes to no device');
      expect((await on.viewer.post(`${other}/reject`, { comment: 'no' })).status).toBe(403);
      expect((await on.admin.post(`${other}/reject`, { comment: 'no' })).location).toBe(other);
      expect((await on.viewer.get(other)).html).toContain('REJECT');
    });
  });

  describe('of incidents', () => {
    it('show a suggestion that the guardrails blocked, and none to choose from', async () => {
      const { id } = await on.trouble.waiting(1);
      const finding = { code: 'deletes-root', message: 'It deletes all', excerpt: 'rm -rf /' };
      await on.sql('UPDATE incident_suggestion SET script = NULL, findings = $2 WHERE incident_id = $1', [
        id,
        JSON.stringify([finding]),
      ]);
      await on.sql('UPDATE incident SET preselected_suggestion = NULL WHERE id = $1', [id]);
      const { html } = await on.admin.get(`/console/incidents/${id}`);
      for (const words of [
        'The guardrails blocked it:',
        'deletes-root',
        'There is no suggestion that could be approved',
      ])
        expect(html).toContain(words);
      await on.sql('DELETE FROM incident_suggestion WHERE incident_id = $1', [id]);
      expect((await on.viewer.get(`/console/incidents/${id}`)).html).toContain('There is none.');
      const compared = await on.admin.post(`/console/incidents/${id}/edit`, {
        step: 'compare',
        script: 'true',
      });
      expect(compared.status).toBe(200);
    });

    it('let a running remedy be stopped by whoever says why', async () => {
      const { id } = await on.trouble.waiting(2);
      const path = `/console/incidents/${id}`;
      const { preselected_suggestion_id } = await on.trouble.show(id);
      await on.admin.post(`${path}/approve`, { suggestion_id: preselected_suggestion_id ?? '' });
      await on.expectShownTo(path, `${path}/stop`, [on.admin, on.operator]);
      const approver = await Reader.logIn(on.world, 'approver');
      expect((await approver.get(path)).html).toContain(`${path}/stop`);
      expect((await on.operator.get(`${path}/stop`)).html).toContain('It was approved for 2 devices');
      expect((await on.viewer.post(`${path}/stop`, { reason: 'x' })).status).toBe(403);
      expect((await on.operator.post(`${path}/stop`)).status).toBe(422);
      expect((await on.operator.post(`${path}/stop`, { reason: 'wrong machine' })).location).toBe(path);
      expect((await on.viewer.get(path)).html).toContain('AWAITING DECISION');
      await on.expectShownTo(path, `${path}/stop`, []);
    });

    it('compare line by line, and let several be chosen from', async () => {
      const { id } = await on.trouble.waiting(2);
      const compared = await on.admin.post(`/console/incidents/${id}/edit`, {
        step: 'compare',
        script: 'true\nsystemctl restart app',
        interpreter: 'bash',
      });
      expect(compared.html).toContain('+ systemctl restart app');
      expect((await on.operator.post(`/console/incidents/${id}/edit`, { script: 'true' })).status).toBe(403);
      await on.sql(
        `INSERT INTO incident_suggestion SELECT uuid7(), incident_id, analysis, NULL, NULL, interpreter, script, verification,
           explanation, NULL, '[]', 'a person', now() FROM incident_suggestion WHERE incident_id = $1`,
        [id],
      );
      await on.sql(
        'UPDATE incident SET preselected_suggestion = NULL, label = NULL, confidence = NULL WHERE id = $1',
        [id],
      );
      const { html } = await on.admin.get(`/console/incidents/${id}`);
      for (const words of ['choose one', 'Written by a person', 'Approve for 2 devices, one first'])
        expect(html).toContain(words);
      expect((await on.viewer.get('/console/incidents?status=AWAITING_DECISION')).html).toContain(
        'app on linux',
      );
    });
  });
});

it('a deployment that needs no decision says so, and what it goes back to', async () => {
  const world = await World.start({ overrides: { EUCORA_CAB_RISK_THRESHOLD: '101' } });
  try {
    const rollouts = new Rollouts(world.api.database);
    await rollouts.online(1);
    const first = await rollouts.begin({
      pipeline_id: await rollouts.pipeline({ version: '1.0.0' }),
      plan: { rings: [ring('all', { rest: true }, { soak_seconds: 0 })] },
    });
    await rollouts.settle(first);
    await rollouts.work(first);
    await rollouts.settle(first);
    expect((await rollouts.show(first)).status).toBe('COMPLETED');
    const second = await rollouts.begin({ pipeline_id: await rollouts.pipeline({ version: '2.0.0' }) });
    const viewer = await Reader.logIn(world, 'viewer');
    const { html } = await viewer.get(`/console/deployments/${second}`);
    for (const words of ['passes by itself', 'None was needed.', 'the version before'])
      expect(html).toContain(words);
    expect((await viewer.get(`/console/deployments/${second}?state=SICK`)).html).toContain('No device fits.');
  } finally {
    await world.dispose();
  }
});

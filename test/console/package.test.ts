import { verifyEvidence } from '../../evidence/verify.ts';
import { World } from '../api/support/world.ts';
import { aFinding, overwrite, packed } from '../packaging-pipeline/support/packed.ts';
import { Visitor } from './support/visitor.ts';

// Browsers are slow on busy machines.
jest.setTimeout(120_000);

const ATTACK = `"><img src=x onerror=alert(1)><script>alert(2)</script>`;

describe('A package in a browser', () => {
  let world: World;
  let visitor: Visitor;

  beforeAll(async () => {
    world = await World.start();
    visitor = await Visitor.arrive(world);
    await visitor.logIn(await world.token('admin'));
  });
  afterAll(async () => {
    await visitor?.leave();
    await world?.dispose();
  });
  const rowsOf = (caption: string) => visitor.page.getByRole('table', { name: caption }).locator('tbody tr');

  it('lists findings by severity with what excuses them, page by page', async () => {
    const { policyExceptions } = world.api.database.stores;
    const asked = await policyExceptions.request(
      {
        package_name: 'hello',
        cve_ids: ['CVE-2019-10744'],
        reason: 'never called',
        expires_in_seconds: 3_600,
      },
      { type: 'operator', id: 'one' },
      'test',
    );
    await policyExceptions.approve(asked.id, { type: 'operator', id: 'second person' }, 'test');
    const many = Array.from({ length: 60 }, (_, n) =>
      aFinding({
        id: `CVE-2026-${100 + n}`,
        aliases: [],
        severity: 'LOW',
        fixed_version: null,
        title: ATTACK,
      }),
    );
    const { id } = await packed(world, { findings: [...many, aFinding()], exceptionIds: [asked.id] });
    const { page } = visitor;
    await visitor.visit(`/console/packages/${id}`);
    const findings = page.locator('#findings');
    const worst = rowsOf('Findings').first();
    for (const words of [
      'CRITICAL',
      'CVE-2019-10744',
      'lodash',
      '4.17.4',
      '4.17.12',
      'never called',
      'second person',
    ])
      expect(await worst.textContent()).toContain(words);
    expect(await rowsOf('Findings').count()).toBe(20);
    await visitor.look('package-findings');
    await findings.getByRole('link', { name: 'Next page' }).click();
    await findings.getByRole('link', { name: 'First page' }).waitFor();
    expect(await rowsOf('Findings').count()).toBe(20);
    await findings.getByRole('link', { name: 'CRITICAL 1' }).click();
    await findings.locator('[aria-current]', { hasText: 'CRITICAL' }).waitFor();
    expect(await rowsOf('Findings').count()).toBe(1);
    await findings.getByRole('link', { name: 'HIGH 0' }).click();
    await page.getByText('nothing of severity HIGH').waitFor();
  });

  it('says so where a scan found nothing, and where findings were only counted', async () => {
    const { id } = await packed(world, { name: 'clean' });
    await visitor.visit(`/console/packages/${id}`);
    await visitor.page.getByText('The scanner found nothing.').waitFor();
    await world.api.database.pool.query(
      `UPDATE packaging_pipeline SET scan_summary = '{"critical":0,"high":0,"medium":3,"low":0,"unknown":0}' WHERE id = $1`,
      [id],
    );
    await visitor.page.reload();
    await visitor.page.getByText('by an earlier version of the platform').waitFor();
  });

  it('verifies the evidence as it is shown, and hands out the document byte for byte', async () => {
    const { id, packId, document } = await packed(world, { name: 'good' });
    const { page } = visitor;
    await visitor.visit(`/console/packages/${id}`);
    await page.getByText('Verified.').waitFor();
    const checks = await rowsOf('Checks of the evidence').allTextContents();
    expect(checks).toHaveLength(11);
    expect(checks.every((row) => row.includes('PASSED'))).toBe(true);
    await page.locator('#evidence').scrollIntoViewIfNeeded();
    await visitor.look('package-evidence');
    const download = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download the signed document' }).click();
    expect((await download).suggestedFilename()).toBe(`evidence-${packId}.json`);
    const fetched = await page.request.get(
      `${world.api.operatorUrl}/console/packages/${id}/evidence/${packId}`,
    );
    expect(await fetched.text()).toBe(document);
    expect(verifyEvidence(await fetched.text(), { ca: world.api.caPem })).toBeDefined();
    const scan = await page.request.get(`${world.api.operatorUrl}/console/packages/${id}/documents/scan`);
    expect([scan.headers()['content-disposition'], await scan.json()]).toEqual([
      `attachment; filename="scan-${id}.json"`,
      { SchemaVersion: 2, ArtifactName: 'good' },
    ]);
  });

  it('shows tampered evidence as such, and says what was changed', async () => {
    const { id, sha256, document } = await packed(world, { name: 'tampered' });
    await overwrite(world, sha256, document.replace('"keyid":"', '"keyid":"0'));
    await visitor.visit(`/console/packages/${id}`);
    await visitor.page.getByRole('alert').getByText('The evidence does not hold').waitFor();
    expect(await rowsOf('Checks of the evidence').allTextContents()).toEqual([
      expect.stringMatching(/platform’s copy.*FAILED.*was changed/),
    ]);
    await visitor.look('package-tampered');
    // What cannot be had is told, not half downloaded.
    const packs = await world.operator(`/api/v1/evidence-packs?pipeline_id=${id}`);
    const packId = (packs.body['items'] as { id: string }[])[0]?.id;
    const refused = await visitor.page.request.get(
      `${world.api.operatorUrl}/console/packages/${id}/evidence/${packId}`,
    );
    expect(refused.status()).toBe(404);
  });

  it('verifies the pack of a deployment when asked', async () => {
    const { id, packId } = await packed(world, { name: 'rolled-out' });
    const other = await packed(world, { name: 'other-document' });
    // The document of another package, noted as made for a deployment of this one.
    await world.api.database.pool.query(
      'UPDATE evidence_pack SET pipeline_id = $1, deployment_intent_id = uuid7() WHERE id = $2',
      [id, other.packId],
    );
    await visitor.visit(`/console/packages/${id}`);
    await visitor.page.getByText('Verified.').waitFor();
    expect(await rowsOf('Evidence packs').count()).toBe(2);
    await visitor.page.getByRole('link', { name: 'Verify' }).click();
    await visitor.page.getByText('The evidence does not hold').waitFor();
    const failed = (await rowsOf('Checks of the evidence').allTextContents()).filter((row) =>
      row.includes('FAILED'),
    );
    expect(failed[0]).toMatch(/Package|Source/);
    expect(packId).not.toBe(other.packId);
  });

  it('browses what a package holds by name and licence', async () => {
    const components = Array.from({ length: 120 }, (_, n) => ({
      name: `part-${String(n).padStart(3, '0')}`,
      version: '1.0',
      purl: `pkg:npm/part-${n}@1.0`,
      licenses: [{ license: { id: n % 40 === 0 ? 'GPL-3.0-only' : 'MIT' } }],
    }));
    const sbom = { bomFormat: 'CycloneDX', components: [...components, { name: ATTACK, version: ATTACK }] };
    const { id } = await packed(world, { name: 'parts', sbom });
    const { page } = visitor;
    await visitor.visit(`/console/packages/${id}`);
    await page.getByRole('link', { name: 'Browse its components' }).click();
    await page.getByText('121 components, 1 to 100 shown').waitFor();
    await visitor.look('package-components');
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.getByText('101 to 121 shown').waitFor();
    await visitor.look('package-components-rest');
    await page.getByRole('link', { name: 'Page before' }).click();
    await page.getByText('1 to 100 shown').waitFor();
    await page.getByLabel('Licence').selectOption('GPL-3.0-only');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('3 of 121 components').waitFor();
    await page.getByRole('textbox', { name: 'Component' }).fill('PART-04');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('1 of 121 components').waitFor();
    await page.getByRole('textbox', { name: 'Component' }).fill('nowhere');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByText('No component fits.').waitFor();
  });
});

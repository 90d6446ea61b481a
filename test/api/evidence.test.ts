import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../runtime/certificates/authority.ts';
import { keep, overwrite, packed } from '../packaging-pipeline/support/packed.ts';
import { World } from './support/world.ts';

describe('Evidence, verified by the platform', () => {
  let world: World;
  let folder: string;
  let foreign: { certificate: string; key: string };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'eucora-foreign-'));
    await CertificateAuthority.ensure(folder);
    foreign = await (await CertificateAuthority.open(folder)).issueEvidenceCertificate();
    const file = join(folder, 'evidence.pem');
    await writeFile(file, foreign.certificate);
    world = await World.start({ overrides: { EUCORA_EVIDENCE_CERTIFICATE_FILE: file } });
  });
  afterAll(async () => {
    await world?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  const verification = async (packId: string) => {
    const { status, body } = await world.operator(`/api/v1/evidence-packs/${packId}/verification`);
    expect(status).toBe(200);
    const checks = body['checks'] as { check: string; outcome: string; reason: string }[];
    return {
      verified: body['verified'],
      outcomes: Object.fromEntries(checks.map(({ check, outcome }) => [check, outcome])),
      failed: checks.find(({ outcome }) => outcome === 'FAILED')?.reason,
    };
  };
  /** Has the pack point to another document, as somebody with access to store and database would. */
  const point = async (packId: string, document: string) =>
    world.api.database.pool.query('UPDATE evidence_pack SET sha256 = $2 WHERE id = $1', [
      packId,
      await keep(world, 'evidence', document),
    ]);

  it('holds in every check when nothing was changed', async () => {
    const { packId } = await packed(world);
    expect(await verification(packId)).toEqual({
      verified: true,
      failed: undefined,
      outcomes: Object.fromEntries(
        [
          'stored',
          'form',
          'signer',
          'signature',
          'statement',
          'certificate',
          'validity',
          'source',
          'artifact',
          'sbom',
          'scan',
        ].map((check) => [check, 'PASSED']),
      ),
    });
  });

  it('holds by the certificate that is configured, and not by one that nobody trusts', async () => {
    const { packId } = await packed(world, { name: 'foreign', signer: foreign });
    expect(await verification(packId)).toMatchObject({ verified: true });
    const strangers = await (await CertificateAuthority.open(folder)).issueEvidenceCertificate();
    const other = await packed(world, { name: 'stranger', signer: strangers });
    expect(await verification(other.packId)).toMatchObject({
      verified: false,
      outcomes: { stored: 'PASSED', form: 'PASSED', signer: 'FAILED', signature: 'SKIPPED' },
      failed: expect.stringContaining('does not come from the trusted authority'),
    });
  });

  it('shows a document that was changed where it lies', async () => {
    const { packId, sha256, document } = await packed(world, { name: 'on-disk' });
    await overwrite(world, sha256, document.replace('"keyid":"', '"keyid": "'));
    expect(await verification(packId)).toMatchObject({
      verified: false,
      outcomes: { stored: 'FAILED' },
      failed: expect.stringContaining('was changed'),
    });
  });

  it('shows a statement that was changed, although store and database agree on it', async () => {
    const { packId, document } = await packed(world, { name: 'rewritten' });
    const envelope = JSON.parse(document);
    const statement = Buffer.from(envelope.payload, 'base64')
      .toString()
      .replace('"verdict":"PASSED"', '"verdict":"EXCUSED"');
    await point(packId, document.replace(envelope.payload, Buffer.from(statement).toString('base64')));
    expect(await verification(packId)).toMatchObject({
      verified: false,
      outcomes: {
        form: 'PASSED',
        signer: 'PASSED',
        signature: 'FAILED',
        statement: 'SKIPPED',
        artifact: 'SKIPPED',
      },
      failed: expect.stringContaining('changed after it was signed'),
    });
  });

  it('shows good evidence of another package, file by file', async () => {
    const mine = await packed(world, { name: 'mine', sbom: { bomFormat: 'CycloneDX', of: 'mine' } });
    const other = await packed(world, { name: 'other' });
    await point(other.packId, 'nothing');
    await point(mine.packId, other.document);
    expect(await verification(mine.packId)).toMatchObject({
      verified: false,
      outcomes: { signature: 'PASSED', artifact: 'FAILED', source: 'FAILED', sbom: 'FAILED', scan: 'FAILED' },
      failed: expect.stringContaining('is not the one of this evidence'),
    });
  });
});

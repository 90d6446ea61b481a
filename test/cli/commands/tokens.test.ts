import { operatorTokenListQuery, operatorTokenRequestSchema } from '../../../contracts/access/access.ts';
import { enrolmentTokenListQuery, enrolmentTokenRequestSchema } from '../../../contracts/agent/enrolment.ts';
import { FakePlatform, pageWith } from './support/platform.ts';
import { anEnrolmentToken, anOperatorToken, OTHER_ID } from './support/samples.ts';
import { eucora } from './support/session.ts';

let platform: FakePlatform;
beforeAll(async () => {
  platform = await FakePlatform.start();
});
beforeEach(() => platform.reset());
afterAll(() => platform.stop());

describe('enrolment tokens', () => {
  it('are made and shown once', async () => {
    platform.on('POST /enrolment-tokens', {
      status: 201,
      json: { ...anEnrolmentToken(), token: 'enr_secret' },
    });
    const { code, stdout, stderr } = await eucora(platform, [
      ...'tokens enrolment create --expires 2d --max-uses 5 --tag site=zurich --tag critical --name'.split(
        ' ',
      ),
      'branch office',
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^TOKEN +enr_secret$/m);
    expect(stdout).toMatch(/^EXPIRES +in 1 d$/m);
    expect(stderr).toContain('shown only now');
    expect(platform.bodies(enrolmentTokenRequestSchema)).toEqual([
      {
        name: 'branch office',
        expires_in_seconds: 172_800,
        max_uses: 5,
        tags: { site: 'zurich', critical: true },
      },
    ]);
  });

  it('may be used as often as wanted, or by default once', async () => {
    const json = { ...anEnrolmentToken({ max_uses: null }), token: 'enr_secret' };
    platform.on('POST /enrolment-tokens', { status: 201, json });
    const unlimited = await eucora(platform, 'tokens enrolment create --name a --max-uses unlimited --json');
    expect(unlimited.json()).toEqual(json);
    expect(unlimited.stderr).toBe('');
    await eucora(platform, 'tokens enrolment create --name a');
    expect(platform.bodies(enrolmentTokenRequestSchema).map(({ max_uses }) => max_uses)).toEqual([null, 1]);
  });

  it('are listed', async () => {
    platform.list(
      '/enrolment-tokens',
      enrolmentTokenListQuery,
      pageWith([anEnrolmentToken(), anEnrolmentToken({ max_uses: null })]),
    );
    const { stdout } = await eucora(platform, 'tokens enrolment list');
    expect(stdout).toMatch(/branch office +0 of 1 +site=zurich +in 1 d +- +3 min ago +admin/);
    expect(stdout).toContain('0 of any');
  });
});

describe('operator tokens', () => {
  it('are made with scopes', async () => {
    platform.on('POST /operator-tokens', { status: 201, json: { ...anOperatorToken(), token: 'op_secret' } });
    const { stdout } = await eucora(
      platform,
      'tokens operator create --name ci --scope viewer,operator --scope viewer --expires 12h',
    );
    expect(stdout).toMatch(/^TOKEN +op_secret$/m);
    expect(platform.bodies(operatorTokenRequestSchema)).toEqual([
      { name: 'ci', scopes: ['viewer', 'operator'], expires_in_seconds: 43_200 },
    ]);
  });

  it('need a scope that exists', async () => {
    expect((await eucora(platform, 'tokens operator create --name ci')).code).toBe(2);
    const wrong = await eucora(platform, 'tokens operator create --name ci --scope god');
    expect(wrong.stderr).toContain('Give one of: viewer, operator, approver, admin.');
  });

  it('are listed', async () => {
    platform.list('/operator-tokens', operatorTokenListQuery, pageWith([anOperatorToken()]));
    const { stdout } = await eucora(platform, 'tokens operator list');
    expect(stdout).toMatch(/ci +viewer, operator +- +- +3 min ago +admin/);
  });
});

it.each(['enrolment', 'operator'])('%s tokens are revoked', async (kind) => {
  platform.on(`DELETE /${kind}-tokens/${OTHER_ID}`, { status: 204 });
  const { code, stdout } = await eucora(platform, `tokens ${kind} revoke ${OTHER_ID}`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `Revoked token ${OTHER_ID}.\n` });
  expect((await eucora(platform, `tokens ${kind} revoke ${OTHER_ID} --json`)).json()).toEqual({
    revoked: OTHER_ID,
  });
});

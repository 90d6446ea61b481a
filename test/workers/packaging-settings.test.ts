import { parseConfig } from '../../contracts/config.ts';
import { toolSettings } from '../../workers/packaging/settings.ts';

const configOf = (overrides: Record<string, string>) =>
  parseConfig({ DATABASE_URL: 'postgres://nowhere/x', EUCORA_DATA_DIR: '/data', ...overrides });

it.each([
  [{}, ['CRITICAL', 'HIGH']],
  [{ EUCORA_POLICY_FLOOR: '' }, ['CRITICAL', 'HIGH']],
  [{ EUCORA_POLICY_FLOOR: 'none' }, []],
  [{ EUCORA_POLICY_FLOOR: 'CRITICAL, MEDIUM' }, ['CRITICAL', 'MEDIUM']],
])('The floor of policies by %j is %j', (overrides: Record<string, string>, floor) => {
  expect(configOf(overrides).EUCORA_POLICY_FLOOR).toEqual(floor);
});

it('A floor of severities that nobody knows is refused with those that there are', () => {
  expect(() => configOf({ EUCORA_POLICY_FLOOR: 'BAD' })).toThrow(
    /EUCORA_POLICY_FLOOR.*must be of CRITICAL, HIGH/s,
  );
});

it.each([
  [{}, [undefined, undefined]],
  // Who fetches from Trivy's own source fetches all that it has there.
  [{ EUCORA_TRIVY_REPOSITORY: 'default' }, ['default', 'default']],
  [{ EUCORA_TRIVY_REPOSITORY: 'none' }, [undefined, undefined]],
  // A mirror of the one holds nothing of the other.
  [{ EUCORA_TRIVY_REPOSITORY: 'mirror.example/db' }, ['mirror.example/db', undefined]],
  [{ EUCORA_TRIVY_REPOSITORY: 'default', EUCORA_TRIVY_JAVA_REPOSITORY: 'none' }, ['default', undefined]],
  [{ EUCORA_TRIVY_JAVA_REPOSITORY: 'mirror.example/java' }, [undefined, 'mirror.example/java']],
])('Sources of database and index by %j are %j', (overrides: Record<string, string>, expected) => {
  const { scan } = toolSettings(configOf(overrides), '/usr/bin');
  expect([scan.trivyRepository, scan.trivyJavaRepository]).toEqual(expected);
});

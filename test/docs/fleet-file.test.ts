import { parse } from 'yaml';
import { gatesSchema } from '../../contracts/deployment/rings.ts';
import { fleetFileSchema } from '../../contracts/fleet-file/fleet-file.ts';
import { readPage } from './support.ts';

const { content } = readPage('docs/deployments/fleet-file.md');

it('the fleet file that is shown can be applied', () => {
  const [, yaml = ''] = /```yaml\n([\s\S]+?)```/.exec(content) ?? [];
  const parsed = fleetFileSchema.safeParse(parse(yaml));
  expect(parsed.error?.issues).toBeUndefined();
  expect(parsed.data?.rollout_plans[0]?.rings).toHaveLength(3);
});

it('all gates are told', () => {
  const { health, ...gates } = gatesSchema.shape;
  const names = [...Object.keys(gates), ...Object.keys(health.unwrap().shape)];
  expect(
    names.filter((name) => !content.includes(`\`${name}\``) && !content.includes(`\`gates.${name}\``)),
  ).toEqual([]);
});

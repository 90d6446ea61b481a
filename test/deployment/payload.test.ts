import type { PipelineRow } from '../../db/models/packaging.ts';
import { installPayload, rollbackPayload, uninstallPayload } from '../../db/stores/deployment/package.ts';
import { passedRow } from '../packaging-pipeline/support/rows.ts';

const named = (description: Record<string, unknown>, changes: Partial<PipelineRow> = {}) => {
  const pipeline = { ...passedRow(), ...changes, description };
  const found = {
    pipeline,
    evidence: undefined,
    signer: { material: 'a key' },
    signing_days_left: null,
    lapsed: undefined,
  };
  const { package_name, package_version } = installPayload(found, undefined, 'd');
  expect(uninstallPayload(pipeline, 'd')).toMatchObject({ package_name, package_version });
  return [package_name, package_version];
};

describe('Agents are told of a package by what its machines know it by', () => {
  it.each([
    ['a deb or rpm with its release', { release: '2' }, 'hello', '1.0.0-2'],
    ['one of others that has none', { release: null }, 'hello', '1.0.0'],
    ['a macOS package by its identifier', { identifier: 'org.example.hello' }, 'org.example.hello', '1.0.0'],
    ['a Windows package by what Windows shows', { product_name: 'Hello World' }, 'Hello World', '1.0.0'],
    ['a Windows package without that by its name', {}, 'hello', '1.0.0'],
  ])('%s', (_, description, name, version) => {
    expect(named(description)).toEqual([name, version]);
  });

  it('and of a newer one that Windows would not go back over, when it has another name', () => {
    const at = (version: string, format: 'msi' | 'deb', description: Record<string, unknown>) => ({
      pipeline: { ...passedRow(), package_version: version, format, description },
      ...{ evidence: undefined, signer: { material: 'a key' }, signing_days_left: null, lapsed: undefined },
    });
    const [old, now] = [{ product_name: 'Tool 23 (x64)' }, { product_name: 'Tool 24 (x64)' }];
    const back = (format: 'msi' | 'deb', from: Record<string, unknown>, to: Record<string, unknown>) =>
      rollbackPayload(at('24.1.0', format, from).pipeline, at('23.0.0', format, to), 'd');
    const replaces = [{ package_name: 'Tool 24 (x64)', version: '24.1.0' }];
    expect(back('msi', now, old)).toMatchObject({
      action: 'install',
      package_name: 'Tool 23 (x64)',
      package_version: '23.0.0',
      replaces,
    });
    // One that was packaged before there was a name for Windows.
    expect(back('msi', now, {})).toMatchObject({ package_name: 'hello', replaces });
    // The agent looks for it by its own name, or the system goes back by itself.
    expect(back('msi', now, now)).not.toHaveProperty('replaces');
    expect(back('deb', now, old)).not.toHaveProperty('replaces');
    expect(rollbackPayload(at('24.1.0', 'msi', now).pipeline, undefined, 'd')).toMatchObject({
      action: 'uninstall',
      package_name: 'Tool 24 (x64)',
    });
  });

  it('and of none that nobody signed, or that was not kept', () => {
    const of = { pipeline: passedRow(), evidence: undefined, signing_days_left: null, lapsed: undefined };
    expect(() => installPayload({ ...of, signer: undefined }, undefined, 'd')).toThrow(/signer.*not known/);
    const nothing = { ...of, pipeline: { ...passedRow(), output_artifact_hash: null } };
    expect(() => installPayload({ ...nothing, signer: { material: 'a key' } }, undefined, 'd')).toThrow(
      /has no package/,
    );
  });
});

import { componentsOf } from '../../console/pages/sbom.tsx';

describe('Components of an SBOM', () => {
  it('are read from CycloneDX', () => {
    const document = {
      components: [
        {
          name: 'a',
          version: '1',
          licenses: [{ license: { id: 'MIT' } }, { expression: 'Apache-2.0 OR MIT' }],
        },
        { name: 'b' },
        { version: 'nameless' },
        null,
      ],
    };
    expect(componentsOf(document)).toEqual([
      { name: 'a', version: '1', licenses: 'MIT, Apache-2.0 OR MIT' },
      { name: 'b', version: '', licenses: '' },
    ]);
  });

  it('are read from SPDX', () => {
    expect(componentsOf({ packages: [{ name: 'c', versionInfo: '2', licenseConcluded: 'MIT' }] })).toEqual([
      { name: 'c', version: '2', licenses: 'MIT' },
    ]);
  });

  it('are none in a document of another form', () => {
    expect(componentsOf({})).toEqual([]);
  });
});

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
      { name: 'a', version: '1', purl: '', licenses: 'MIT, Apache-2.0 OR MIT' },
      { name: 'b', version: '', purl: '', licenses: '' },
    ]);
  });

  it('are read from SPDX', () => {
    const externalRefs = [
      { referenceType: 'cpe23Type' },
      { referenceType: 'purl', referenceLocator: 'pkg:npm/c@2' },
    ];
    expect(
      componentsOf({ packages: [{ name: 'c', versionInfo: '2', licenseConcluded: 'MIT', externalRefs }] }),
    ).toEqual([{ name: 'c', version: '2', purl: 'pkg:npm/c@2', licenses: 'MIT' }]);
  });

  it('are none in a document of another form', () => {
    expect(componentsOf({})).toEqual([]);
  });
});

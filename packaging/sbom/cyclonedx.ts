import { randomUUID } from 'node:crypto';
import { Enums, Models, Serialize, SPDX, Spec } from '@cyclonedx/cyclonedx-library';
import type { TrivyPackage, TrivyReport, TrivyResult } from '../scan/trivy-reports.ts';
import { packageUrl } from './package-url.ts';

/** What an SBOM is of. */
export interface SbomSubject {
  readonly name: string;
  readonly version: string;
}

const HASHES: Readonly<Record<string, Enums.HashAlgorithm>> = {
  md5: Enums.HashAlgorithm.MD5,
  sha1: Enums.HashAlgorithm['SHA-1'],
  sha256: Enums.HashAlgorithm['SHA-256'],
};

const property = (name: string, value: string): Models.Property =>
  new Models.Property(`aquasecurity:trivy:${name}`, value);

function componentOf({ Type }: TrivyResult, found: TrivyPackage, purl: string): Models.Component {
  const component = new Models.Component(Enums.ComponentType.Library, found.Name, {
    bomRef: found.Digest === undefined ? purl : `${purl}#${found.Digest}`,
    purl,
    ...(found.Version === '' ? {} : { version: found.Version }),
  });
  component.properties.add(property('PkgType', Type));
  const [algorithm = '', hash] = found.Digest?.split(':') ?? [];
  const known = HASHES[algorithm];
  if (known !== undefined && hash !== undefined) component.hashes.set(known, hash);
  return component;
}

/** Components by what tells them apart: what lies in several places is one, which names them all. */
class Inventory {
  readonly bom = new Models.Bom({ serialNumber: `urn:uuid:${randomUUID()}` });
  readonly #root: Models.Component;
  readonly #components = new Map<string, Models.Component>();
  /** Names of those that a component has already. */
  readonly #licenses = new Map<Models.Component, Set<string>>();

  constructor({ name, version }: SbomSubject) {
    this.#root = new Models.Component(Enums.ComponentType.Application, name, {
      bomRef: `${name}@${version}`,
      version,
    });
    this.bom.metadata.component = this.#root;
    this.bom.metadata.timestamp = new Date();
    this.bom.metadata.tools.tools.add(new Models.Tool({ vendor: 'aquasecurity', name: 'trivy' }));
  }

  /** @returns whether all packages of it could be named */
  add(result: TrivyResult): boolean {
    if (result.Packages.length === 0) return true;
    const named = new Map<TrivyPackage, Models.Component>();
    for (const found of result.Packages) {
      const purl = packageUrl(result, found);
      if (purl === undefined) return false;
      named.set(found, this.#component(result, found, purl));
    }
    const byId = new Map([...named].map(([{ ID }, component]) => [ID, component.bomRef]));
    for (const [{ DependsOn }, component] of named)
      for (const id of DependsOn) {
        const needed = byId.get(id);
        if (needed !== undefined) component.dependencies.add(needed);
      }
    // What Trivy found by itself lies in a file of its own; the rest is what the target lists.
    const loose = [...named].filter(([{ FilePath }]) => FilePath !== undefined);
    const listed = [...named].filter(([{ FilePath }]) => FilePath === undefined);
    for (const [, { bomRef }] of loose) this.#root.dependencies.add(bomRef);
    if (listed.length === 0) return true;
    const target = new Models.Component(Enums.ComponentType.Application, result.Target, {
      bomRef: `target:${result.Type}:${result.Target}`,
    });
    target.properties.add(property('Class', result.Class));
    target.properties.add(property('Type', result.Type));
    for (const [, { bomRef }] of listed) target.dependencies.add(bomRef);
    this.bom.components.add(target);
    this.#root.dependencies.add(target.bomRef);
    return true;
  }

  #component(result: TrivyResult, found: TrivyPackage, purl: string): Models.Component {
    const key = JSON.stringify([purl, found.Digest]);
    const component = this.#components.get(key) ?? componentOf(result, found, purl);
    this.#components.set(key, component);
    this.bom.components.add(component);
    for (const text of found.Licenses) this.#license(component, text);
    if (found.FilePath !== undefined) component.properties.add(property('FilePath', found.FilePath));
    return component;
  }

  #license(component: Models.Component, text: string): void {
    const id = SPDX.fixupSpdxId(text);
    const known = this.#licenses.get(component) ?? new Set();
    this.#licenses.set(component, known);
    if (known.has(id ?? text)) return;
    known.add(id ?? text);
    component.licenses.add(id === undefined ? new Models.NamedLicense(text) : new Models.SpdxLicense(id));
  }
}

/**
 * A CycloneDX document of what Trivy's reports list.
 * @returns undefined when they list packages of a kind that cannot be named here
 */
export function renderCycloneDx(reports: readonly TrivyReport[], subject: SbomSubject): string | undefined {
  const inventory = new Inventory(subject);
  for (const result of reports.flatMap(({ Results }) => Results))
    if (!inventory.add(result)) return undefined;
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  const serializer = new Serialize.JsonSerializer(factory);
  return serializer.serialize(inventory.bom, { sortLists: true, space: 2 });
}

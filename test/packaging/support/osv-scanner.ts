import { ensureGoProgram } from '../../harness/go-program.ts';
import { craftZip } from './archives.ts';
import type { PackagingWorld } from './world.ts';

export const ensureOsvScanner = (): Promise<string> =>
  ensureGoProgram('osv-scanner', 'github.com/google/osv-scanner/v2/cmd/osv-scanner', 'v2.5.0');

const ADVISORY = {
  schema_version: '1.7.0',
  id: 'GHSA-jf85-cpcp-j695',
  modified: '2026-01-01T00:00:00Z',
  published: '2019-07-10T19:45:23Z',
  aliases: ['CVE-2019-10744'],
  summary: 'Prototype Pollution in lodash',
  affected: [
    {
      package: { ecosystem: 'npm', name: 'lodash', purl: 'pkg:npm/lodash' },
      ranges: [{ type: 'SEMVER', events: [{ introduced: '0' }, { fixed: '4.17.12' }] }],
    },
  ],
  severity: [{ type: 'CVSS_V3', score: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:H' }],
  database_specific: { severity: 'CRITICAL' },
};

/** A database as osv-scanner keeps it for npm, with one advisory. @returns its folder */
export async function writeOsvDatabase(world: PackagingWorld, folder: string): Promise<string> {
  const archive = craftZip([{ path: `${ADVISORY.id}.json`, content: JSON.stringify(ADVISORY) }]);
  await world.put(`${folder}/osv-scalibr/npm/all.zip`, archive);
  return world.path(folder);
}

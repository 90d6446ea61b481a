import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { craftZip } from './archives.ts';
import { exec } from './world.ts';

const LOG4J = 'org.apache.logging.log4j';
/** An archive that tells what it is, as Maven makes them. */
export const LOG4J_CORE = craftZip([
  { path: 'META-INF/MANIFEST.MF', content: 'Manifest-Version: 1.0\nImplementation-Version: 2.14.1\n' },
  {
    path: `META-INF/maven/${LOG4J}/log4j-core/pom.properties`,
    content: `version=2.14.1\ngroupId=${LOG4J}\nartifactId=log4j-core\n`,
  },
]);
/** One that tells nothing, which only an index can know. */
export const NAMELESS = craftZip([{ path: 'org/example/A.class', content: 'a class' }]);

export const LOG4SHELL = {
  id: 'CVE-2021-44228',
  ecosystem: 'maven',
  package: `${LOG4J}:log4j-core`,
  vulnerable: '<2.15.0',
  fixed: '2.15.0',
  severity: 'CRITICAL',
  title: 'Log4Shell',
  published: '2021-12-10T00:00:00Z',
} as const;

/** The tables of version 1, as Trivy's own index has them. */
const INDEX = `
import sqlite3, sys
path, sha1 = sys.argv[1:]
index = sqlite3.connect(path)
index.executescript('''
CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT,
  FOREIGN KEY (artifact_id) REFERENCES artifacts(id));
CREATE UNIQUE INDEX artifacts_idx ON artifacts(artifact_id, group_id);
CREATE INDEX indices_artifact_idx ON indices(artifact_id);
CREATE UNIQUE INDEX indices_sha1_idx ON indices(sha1);
INSERT INTO artifacts VALUES (1, 'org.example', 'nameless');
''')
index.execute("INSERT INTO indices VALUES (1, '1.0', ?, 'jar')", (bytes.fromhex(sha1),))
index.commit()
`;

/** Writes an index that knows {@link NAMELESS} into `<cache>/java-db`. */
export async function writeJavaIndex(cache: string, updatedAt: Date): Promise<void> {
  const folder = join(cache, 'java-db');
  await mkdir(folder, { recursive: true });
  const sha1 = createHash('sha1').update(NAMELESS).digest('hex');
  await exec('python3', ['-c', INDEX, join(folder, 'trivy-java.db'), sha1]);
  const at = updatedAt.toISOString();
  await writeFile(
    join(folder, 'metadata.json'),
    JSON.stringify({ Version: 1, UpdatedAt: at, NextUpdate: at, DownloadedAt: at }),
  );
}

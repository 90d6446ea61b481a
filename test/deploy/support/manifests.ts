import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

const labels = z.record(z.string(), z.string());
const selector = z.looseObject({ matchLabels: labels.optional() });

/** What tests look at of a Kubernetes object; whether the rest is right, its schema says. */
export const manifestSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional(), labels: labels.optional() }),
  spec: z
    .looseObject({
      selector: z.union([selector, labels]).optional(),
      template: z.looseObject({ metadata: z.looseObject({ labels }), spec: z.looseObject({}) }).optional(),
    })
    .optional(),
});
export type Manifest = z.infer<typeof manifestSchema>;

export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => manifestSchema.parse(document.toJS()));
}

type Validator = ((value: unknown) => boolean) & { readonly errors?: readonly object[] | null };

const require = createRequire(import.meta.url);

/** The folders that hold compiled JSON schemas, and the names these give to the APIs in them. */
const SCHEMAS = [
  { packageName: 'kubernetes-models', prefix: 'IoK8sApi' },
  { packageName: '@kubernetes-models/keda', prefix: 'KedaSh' },
] as const;

/**
 * Validates by the schema that Kubernetes (or KEDA) publishes for the object's kind.
 * @returns what is wrong; throws when there is no schema for the kind
 */
export function objections(manifest: Manifest): readonly object[] {
  const validate = validatorOf(manifest);
  return validate(manifest) ? [] : (validate.errors ?? [{ message: 'is not valid' }]);
}

function validatorOf({ apiVersion, kind }: Manifest): Validator {
  const [version = '', group = 'core'] = apiVersion.split('/').reverse();
  const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
  const names = [capital(group.split('.')[0] ?? ''), 'KedaSh'].map((name) =>
    name === 'KedaSh' ? `KedaSh${capital(version)}${kind}` : `IoK8sApi${name}${capital(version)}${kind}`,
  );
  for (const { packageName } of SCHEMAS) {
    const folder = join(dirname(require.resolve(`${packageName}/package.json`)), '_schemas');
    for (const name of names) {
      const path = join(folder, `${name}.js`);
      if (exists(path)) return (require(path) as { validate: Validator }).validate;
    }
  }
  throw new Error(`There is no schema for ${apiVersion} ${kind}`);
}

function exists(path: string): boolean {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false;
  }
}

import { z } from 'zod';
import { configSchema } from '../../contracts/config.ts';

const propertySchema = z.looseObject({
  description: z.string(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  enum: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  minLength: z.number().optional(),
});
type Property = z.infer<typeof propertySchema>;

const documentSchema = z.object({
  properties: z.record(z.string(), propertySchema),
  required: z.array(z.string()),
});

/** The settings of API and workers as a Markdown table, made from their schema. */
export function configurationTable(): string {
  const document = documentSchema.parse(
    z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }),
  );
  const rows = Object.entries(document.properties).map(([name, property]) => {
    const standard = document.required.includes(name) ? 'required' : defaultOf(property);
    return `| \`${name}\` | ${standard} | ${boundsOf(property)} | ${property.description} |`;
  });
  return ['| variable | default | values | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function defaultOf(property: Property): string {
  return property.default === undefined || property.default === '' ? '' : `\`${property.default}\``;
}

function boundsOf({ enum: values, minimum, maximum, minLength }: Property): string {
  if (values !== undefined) return values.join(', ');
  if (minimum === undefined)
    return minLength === undefined || minLength < 2 ? '' : `at least ${minLength} characters`;
  return maximum === undefined || maximum === Number.MAX_SAFE_INTEGER
    ? `${minimum} or more`
    : `${minimum} to ${maximum}`;
}

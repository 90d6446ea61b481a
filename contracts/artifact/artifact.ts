import { z } from 'zod';
import { instantSchema, pageQuery, text } from '../http/common.ts';

export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

/** A file that agents may download, addressed by its content. */
export const artifactSchema = z
  .object({
    sha256: sha256Schema,
    size_bytes: z.number().int(),
    name: z.string(),
    created_by: z.string(),
    created_at: instantSchema,
  })
  .meta({ id: 'Artifact' });
export type Artifact = z.infer<typeof artifactSchema>;

export const artifactUploadQuery = z.strictObject({
  name: text(255).meta({ description: 'File name, for people' }),
  sha256: sha256Schema.optional().meta({ description: 'Refused when the content has another hash' }),
});

export const artifactListQuery = pageQuery;

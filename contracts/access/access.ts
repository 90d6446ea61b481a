import { z } from 'zod';
import { idSchema, instantSchema, pageQuery, text } from '../http/common.ts';

export const SCOPES = ['viewer', 'operator', 'approver', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

const INCLUDED: Readonly<Record<Scope, readonly Scope[]>> = {
  viewer: ['viewer'],
  operator: ['viewer', 'operator'],
  approver: ['viewer', 'approver'],
  admin: SCOPES,
};

/** Whether credentials with `scopes` may do what asks for `needed`; admin may do everything. */
export function allows(scopes: readonly Scope[], needed: Scope): boolean {
  return scopes.some((scope) => INCLUDED[scope].includes(needed));
}

export const operatorTokenRequestSchema = z
  .strictObject({
    name: text(128),
    scopes: z.array(z.enum(SCOPES)).min(1).max(SCOPES.length),
    expires_in_seconds: z.number().int().min(60).max(31_536_000).default(7_776_000),
  })
  .meta({ id: 'OperatorTokenRequest' });
export type OperatorTokenRequest = z.infer<typeof operatorTokenRequestSchema>;

export const operatorTokenSchema = z
  .object({
    id: idSchema,
    name: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    expires_at: instantSchema.nullable(),
    created_by: z.string(),
    created_at: instantSchema,
    revoked_at: instantSchema.nullable(),
  })
  .meta({ id: 'OperatorToken' });
export type OperatorToken = z.infer<typeof operatorTokenSchema>;

export const createdOperatorTokenSchema = operatorTokenSchema
  .extend({ token: z.string().meta({ description: 'Shown once; the platform keeps only its hash' }) })
  .meta({ id: 'CreatedOperatorToken' });

export const operatorTokenListQuery = pageQuery;

export const identitySchema = z
  .object({ name: z.string(), scopes: z.array(z.enum(SCOPES)), via: z.enum(['token', 'oidc']) })
  .meta({ id: 'Identity' });
export type Identity = z.infer<typeof identitySchema>;

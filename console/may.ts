import { allows, type Identity, type Scope } from '../contracts/access/access.ts';

/** Whether to show what takes a scope. What is done is decided by the API alone. */
export function may(operator: Identity, scope: Scope): boolean {
  return allows(operator.scopes, scope);
}

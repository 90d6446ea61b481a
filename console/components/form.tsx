import type { Child } from 'hono/jsx';
import type { Query } from '../api.ts';

export function Choice({
  name,
  label,
  options,
  value,
}: {
  name: string;
  label: string;
  options: readonly string[];
  value?: unknown;
}) {
  return (
    <label>
      {label}
      <select name={name}>
        <option value="">any</option>
        {options.map((option) => (
          <option value={option} selected={option === value}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly value?: unknown;
  readonly type?: string;
  readonly required?: boolean;
  readonly hint?: string;
  readonly min?: number;
  readonly max?: number;
}

export function Field({ name, label, value, type = 'text', required = false, hint, min, max }: FieldProps) {
  return (
    <label>
      {label}
      <input
        name={name}
        type={type}
        value={value === undefined || value === null ? '' : String(value)}
        required={required}
        placeholder={hint}
        min={min}
        max={max}
        step={type === 'number' ? 1 : undefined}
        autocomplete="off"
      />
    </label>
  );
}

/** Filters live in the address, so that a view can be kept as a bookmark and shared. */
export function Filters({ path, query, children }: { path: string; query: Query; children: Child }) {
  const filtered = Object.entries(query).some(
    ([name, value]) => name !== 'cursor' && value !== undefined && value !== '',
  );
  return (
    <search>
      <form class="filters" method="get" action={path}>
        {children}
        <button type="submit">Filter</button>
        {filtered ? <a href={path}>Clear</a> : null}
      </form>
    </search>
  );
}

/**
 * A button that does something at once, or, where it destroys, after its own page of confirmation that says what it
 * will touch.
 */
export function Act({ action, label, danger = false }: { action: string; label: string; danger?: boolean }) {
  if (danger) {
    return (
      <a class="button danger" href={action}>
        {label}…
      </a>
    );
  }
  return (
    <form method="post" action={action} class="inline">
      <button type="submit">{label}</button>
    </form>
  );
}

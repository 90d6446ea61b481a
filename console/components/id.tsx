const SHOWN = 8;

/** An id by its end, which tells ids of one time apart; whole on hover and for copying. */
export function Id({ of, path }: { of: string; path?: string }) {
  const short = of.length > SHOWN + 1 ? `…${of.slice(-SHOWN)}` : of;
  return path === undefined ? (
    <code title={of}>{short}</code>
  ) : (
    <a href={`${path}/${of}`} title={of}>
      <code>{short}</code>
    </a>
  );
}

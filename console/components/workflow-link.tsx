/** A workflow's id, as a link to the Temporal Web UI where its address is known. */
export function WorkflowLink({ id, ui }: { id: string; ui: string | undefined }) {
  if (ui === undefined) return <code>{id}</code>;
  return (
    <a href={`${ui}/${encodeURIComponent(id)}`} rel="noreferrer">
      {id}
    </a>
  );
}

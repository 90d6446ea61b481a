import { walk } from '../build/walk.ts';

/** As Trivy tells them by their names. */
const ARCHIVE = /\.(jar|war|ear|par)$/i;

/** Whether a tree holds Java archives: only to look at these does Trivy need its index of them. */
export async function holdsJava(tree: string): Promise<boolean> {
  return (await walk(tree)).some(({ kind, path }) => kind === 'file' && ARCHIVE.test(path));
}

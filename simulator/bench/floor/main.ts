import { CertificateAuthority } from '../../../runtime/certificates/authority.ts';
import { answerParent } from '../parts/child.ts';
import { type FloorPorts, startFloor } from './server.ts';

answerParent<{ readonly dataDir: string }, FloorPorts>(async ({ dataDir }) => {
  const floor = await startFloor(await CertificateAuthority.open(dataDir));
  return floor.ports;
});

import { connect } from 'node:net';

/** Sends bytes as they are and collects what comes back until the other side is silent for a while or closes. */
export function rawRequest(port: number, parts: readonly string[], quietMs = 400): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    let quiet: NodeJS.Timeout | undefined;
    const finish = () => {
      clearTimeout(quiet);
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      clearTimeout(quiet);
      quiet = setTimeout(finish, quietMs);
    });
    socket.on('close', finish);
    // A server that has said no may close while we still send.
    socket.on('error', (error) => (answer === '' ? reject(error) : finish()));
    socket.on('connect', () => {
      for (const part of parts) socket.write(part);
    });
  });
}

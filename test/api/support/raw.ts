import { connect } from 'node:net';

/** Whether an answer that tells its length has come as a whole. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(answer.slice(0, end))?.[1];
  return length === undefined || Buffer.byteLength(answer.slice(end + 4)) >= Number(length);
}

/**
 * Sends bytes as they are and collects what comes back until the other side closes, or has answered and then is silent
 * for a while.
 */
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
      if (isWhole(answer)) quiet = setTimeout(finish, quietMs);
    });
    socket.on('close', finish);
    // A server that has said no may close while we still send.
    socket.on('error', (error) => (answer === '' ? reject(error) : finish()));
    socket.on('connect', () => {
      for (const part of parts) socket.write(part);
    });
  });
}

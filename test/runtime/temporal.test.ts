import { createLogger } from '../../runtime/logger.ts';
import { openClient, temporalSettings, untilReachable } from '../../runtime/temporal.ts';
import { temporalLogger } from '../../runtime/temporal-logger.ts';

describe('Temporal', () => {
  it('is found by its own environment variables; empty ones count as unset', async () => {
    const settings = temporalSettings({
      TEMPORAL_ADDRESS: 'temporal.example:7233',
      TEMPORAL_NAMESPACE: 'fleet',
      TEMPORAL_API_KEY: '',
    });
    expect(settings).toMatchObject({ namespace: 'fleet', connection: { address: 'temporal.example:7233' } });
    expect(settings.connection?.apiKey).toBeUndefined();
    expect(temporalSettings({}).namespace).toBe('default');
    const { client, connection } = openClient(settings);
    expect(client.options.namespace).toBe('fleet');
    await connection.close();
  });

  it('is waited for with growing pauses, and the wait can be broken off', async () => {
    const lines: string[] = [];
    const logger = createLogger('t', 'info', { write: (line) => lines.push(line) });
    let attempts = 0;
    const connect = async () => {
      attempts += 1;
      if (attempts < 2) throw new Error('not yet');
      return 'there';
    };
    expect(await untilReachable('Temporal', logger, connect)).toBe('there');
    expect(lines.join('')).toContain('Temporal cannot be reached yet');
    const never = () => Promise.reject(new Error('never'));
    const abort = new AbortController();
    const waiting = untilReachable('Temporal', logger, never, abort.signal);
    setTimeout(() => abort.abort(), 50);
    await expect(waiting).rejects.toThrow(/abort/);
    await expect(untilReachable('Temporal', logger, never, abort.signal)).rejects.toThrow(/abort/);
  });

  it('logs into our lines of JSON', () => {
    const lines: string[] = [];
    const logger = temporalLogger(createLogger('t', 'trace', { write: (line) => lines.push(line) }));
    logger.warn('careful', { taskQueue: 'q' });
    logger.debug('not asked for');
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', msg: 'careful', taskQueue: 'q' },
    ]);
  });
});

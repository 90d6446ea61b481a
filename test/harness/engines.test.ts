import { Connection } from '@temporalio/client';
import pg from 'pg';
import { devServer, testPostgres, timeSkippingEnvironment } from './engines.ts';

test('the Postgres of the test run takes connections', async () => {
  const client = new pg.Client({ connectionString: testPostgres() });
  await client.connect();
  const { rows } = await client.query('SHOW fsync');
  await client.end();
  expect(rows).toEqual([{ fsync: 'off' }]);
});

test('the time-skipping environment skips a week at once', async () => {
  const env = await timeSkippingEnvironment();
  try {
    const before = await env.currentTimeMs();
    await env.sleep('7 days');
    expect((await env.currentTimeMs()) - before).toBeGreaterThanOrEqual(7 * 86_400_000);
  } finally {
    await env.teardown();
  }
});

test('a durable dev server remembers after SIGKILL', async () => {
  const first = await devServer({ durable: true, namespace: 'kept' });
  const describe = async (): Promise<number> => {
    const connection = await Connection.connect({ address: first.address });
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'kept' });
    await connection.close();
    return Number(config?.workflowExecutionRetentionTtl?.seconds);
  };
  expect(await describe()).toBe(30 * 86_400);
  await first.kill();
  const second = await first.again();
  try {
    expect(second.address).toBe(first.address);
    expect(await describe()).toBe(30 * 86_400);
    const env = await second.environment();
    await env.teardown();
  } finally {
    await second.dispose();
  }
});

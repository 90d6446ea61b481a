import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outboxIn, report, sample, word } from './queue.ts';
import { removeFolders } from './support.ts';

afterAll(removeFolders);

describe('outbox', () => {
  it('keeps its order over restarts, and clears away what a crash left half written', async () => {
    const { outbox, directory } = await outboxIn();
    const [a, b] = [randomUUID(), randomUUID()];
    await Promise.all(
      [word(a, 'start'), word(b, 'start'), report, sample(1), word(a, 'complete')].map(
        (r) => outbox.add(r).stored,
      ),
    );
    writeFileSync(join(directory, 'x.json.0011.tmp'), 'half');
    writeFileSync(join(directory, 'stranger.txt'), 'left alone');
    const again = (await outboxIn(directory)).outbox;
    expect(again.oldest(['word'], 9).map((entry) => [entry.taskId, entry.word])).toEqual([
      [a, 'start'],
      [b, 'start'],
      [a, 'complete'],
    ]);
    expect(again.counters).toEqual({ words: 3, telemetry: 1, deployments: 1, bytes: outbox.counters.bytes });
    expect(again.hasWord(a)).toBe(true);
    expect(again.hasWord(b, 'complete')).toBe(false);
    expect(again.add(word(b, 'complete')).sequence).toBe(6);
    await again.clear();
    expect(readdirSync(directory)).toEqual(['stranger.txt']);
  });

  it('drops the oldest telemetry first, then reports, then progress, never the end of a task', async () => {
    const { outbox, lines } = await outboxIn(undefined, { maxRecords: 3 });
    const id = randomUUID();
    const records = [
      sample(1),
      report,
      word(id, 'progress'),
      word(id, 'start'),
      sample(2),
      word(id, 'complete'),
    ];
    for (const record of records) await outbox.add(record).stored;
    expect(outbox.counters).toMatchObject({ telemetry: 0, deployments: 0, words: 3 });
    await outbox.add(word(randomUUID(), 'fail')).stored;
    await outbox.add(word(randomUUID(), 'fail')).stored;
    expect(outbox.oldest(['word'], 9).map((entry) => entry.word)).toEqual([
      'start',
      'complete',
      'fail',
      'fail',
    ]);
    expect(lines.some(({ message }) => message.includes('queue is full'))).toBe(true);
  });

  it('is bounded in bytes, too', async () => {
    const { outbox } = await outboxIn(undefined, { maxBytes: 200 });
    for (let n = 0; n < 10; n += 1) await outbox.add(sample(n)).stored;
    expect(outbox.counters.bytes).toBeLessThanOrEqual(200);
    expect(outbox.counters.telemetry).toBeGreaterThan(0);
  });

  it('puts broken records aside and goes on', async () => {
    const { outbox, directory, troubles } = await outboxIn();
    await outbox.add(sample(1)).stored;
    const [name = ''] = readdirSync(directory);
    writeFileSync(join(directory, name), '{"kind":');
    const [entry] = outbox.oldest(['telemetry'], 1);
    expect(entry && (await outbox.read(entry))).toBeUndefined();
    expect(readdirSync(directory)).toEqual([`${name}.corrupt`]);
    expect(troubles.last).toMatch(/broken record/);
    await outbox.add(sample(2)).stored;
    rmSync(join(directory, readdirSync(directory).find((file) => file.endsWith('.json')) ?? ''));
    const [gone] = outbox.oldest(['telemetry'], 1);
    expect(gone && (await outbox.read(gone))).toBeUndefined();
    expect(outbox.counters.telemetry).toBe(0);
  });

  it('goes on when the disk does not let a record go, and says so', async () => {
    const { outbox, directory, troubles } = await outboxIn(undefined, { maxRecords: 1 });
    await outbox.add(sample(1)).stored;
    const [name = ''] = readdirSync(directory);
    // A folder is not removed as files are.
    rmSync(join(directory, name));
    mkdirSync(join(directory, name));
    await outbox.add(sample(2)).stored;
    expect(troubles.last).toMatch(/could not be removed/);
    const [entry] = outbox.oldest(['telemetry'], 2);
    expect(entry && (await outbox.read(entry))).toEqual(sample(2));
    expect(outbox.counters.telemetry).toBe(1);
  });

  it('does not say that all is gone while the disk keeps some of it', async () => {
    const { outbox, directory } = await outboxIn();
    await outbox.add(sample(1)).stored;
    const [name = ''] = readdirSync(directory);
    rmSync(join(directory, name));
    mkdirSync(join(directory, name));
    // The second time, too, when nothing of it is in memory any more.
    await expect(outbox.clear()).rejects.toThrow();
    expect(outbox.counters.telemetry).toBe(0);
    await expect(outbox.clear()).rejects.toThrow();
    rmdirSync(join(directory, name));
    await outbox.clear();
  });

  it('keeps in memory what the disk does not take, and says so', async () => {
    const { outbox, directory, troubles } = await outboxIn();
    rmSync(directory, { recursive: true });
    await outbox.add(sample(1)).stored;
    expect(troubles.last).toMatch(/could not be written/);
    const [entry] = outbox.oldest(['telemetry'], 1);
    expect(entry && (await outbox.read(entry))).toEqual(sample(1));
    if (entry) await outbox.remove(entry);
    expect(outbox.counters).toMatchObject({ telemetry: 0, bytes: 0 });
  });
});

// Kept last: it takes away the right to write, which root does not need.
describe('a disk that is read only', () => {
  it('loses nothing while the process lives', async () => {
    const { outbox, directory } = await outboxIn();
    chmodSync(directory, 0o500);
    await outbox.add(sample(1)).stored;
    expect(outbox.counters.telemetry).toBe(1);
    chmodSync(directory, 0o700);
  });
});

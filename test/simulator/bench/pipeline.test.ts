import { UsageError } from '../../../simulator/bench/options.ts';
import { pipeline } from '../../../simulator/bench/pipeline/bench.ts';
import { measurementSchema } from '../../../simulator/bench/result.ts';
import { runTiny } from './support.ts';

jest.setTimeout(600_000);

it('pipeline: whole pipelines against the tools that they call, by step and by tool', async () => {
  const figures = await runTiny(pipeline, { rounds: 1, mib: 0.1, waves: 1 });
  const { floor_rate, ratio, cpu_s_per_1000 } = figures;
  expect(floor_rate).toBeGreaterThan(0);
  expect(ratio).toBeGreaterThan(0);
  expect(Object.keys(cpu_s_per_1000)).toEqual(['api', 'worker', 'packaging', 'postgres', 'temporal']);
  const { 2: two, 4: four } = figures['pipelines_per_minute'] as Record<string, number>;
  expect([two, four]).toEqual([expect.any(Number), expect.any(Number)]);
  const { deb } = figures['formats'] as Record<string, Record<string, object>>;
  expect(measurementSchema.parse(deb).p50_ms).toBeGreaterThan(0);
  expect(Object.keys(deb?.['steps_ms'] ?? {})).toEqual(
    expect.arrayContaining([
      'fetch',
      'build',
      'sign',
      'verify',
      'sbom',
      'scan',
      'policy',
      'store',
      'evidence',
    ]),
  );
  // What was run alone is what the pipeline called, and it did the work.
  expect(Object.keys(deb?.['floor_tools_ms'] ?? {}).sort()).toEqual([
    'debsig-verify',
    'dpkg-deb',
    'gpg',
    'gpgv',
    'nfpm',
    'trivy',
  ]);
});

it('pipeline: an unknown format is refused with the known ones', async () => {
  await expect(runTiny(pipeline, { formats: 'deb,exe' })).rejects.toThrow(UsageError);
});

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { configSchema, parseConfig } from '../../contracts/config.ts';
import { CONTROL_PLANE_TASK_QUEUE } from '../../contracts/temporal.ts';
import { kustomize } from './support/kustomize.ts';
import { type Manifest, objections, parseManifests } from './support/manifests.ts';
import { unknownFields } from './support/unknown-fields.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['base', 'queues/packaging', 'queues/ai'] as const;

const podSchema = z.looseObject({
  serviceAccountName: z.string(),
  automountServiceAccountToken: z.literal(false),
  terminationGracePeriodSeconds: z.number().optional(),
  securityContext: z.looseObject({
    runAsNonRoot: z.literal(true),
    runAsUser: z.number().min(1),
    seccompProfile: z.object({ type: z.literal('RuntimeDefault') }),
  }),
  containers: z
    .array(
      z.looseObject({
        name: z.string(),
        image: z.string(),
        command: z.array(z.string()),
        env: z.array(z.looseObject({ name: z.string() })),
        ports: z.array(z.object({ name: z.string(), containerPort: z.number() })).default([]),
        resources: z.object({
          requests: z.object({ cpu: z.string(), memory: z.string() }),
          limits: z.looseObject({ memory: z.string() }),
        }),
        securityContext: z.object({
          allowPrivilegeEscalation: z.literal(false),
          readOnlyRootFilesystem: z.literal(true),
          capabilities: z.object({ drop: z.tuple([z.literal('ALL')]) }),
        }),
        volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
      }),
    )
    .min(1),
  volumes: z.array(z.looseObject({ name: z.string() })),
});

const rendered = new Map<string, Manifest[]>();
beforeAll(async () => {
  for (const folder of FOLDERS)
    rendered.set(folder, parseManifests(await kustomize(join(ROOT, 'deploy/kubernetes', folder))));
}, 600_000);

const all = (folder: string): Manifest[] => rendered.get(folder) ?? [];
const ofKind = (folder: string, ...kinds: string[]): Manifest[] =>
  all(folder).filter(({ kind }) => kinds.includes(kind));
const named = (folder: string, kind: string, name: string): Manifest => {
  const found = all(folder).find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`No ${kind} ${name}`);
  return found;
};
const workloads = (folder: string): Manifest[] => ofKind(folder, 'Deployment', 'Job');
const podOf = (workload: Manifest) => podSchema.parse(workload.spec?.template?.spec);
const labelsOf = (workload: Manifest) => workload.spec?.template?.metadata.labels ?? {};
const fits = (wanted: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean =>
  Object.entries(wanted).every(([name, value]) => labels[name] === value);

describe.each(FOLDERS)('deploy/kubernetes/%s', (folder) => {
  it('holds objects that the published schemas of Kubernetes and KEDA allow', () => {
    expect(all(folder).length).toBeGreaterThan(2);
    for (const manifest of all(folder))
      expect([manifest.kind, manifest.metadata.name, objections(manifest)]).toEqual([
        manifest.kind,
        manifest.metadata.name,
        [],
      ]);
  });

  it('has no field that Kubernetes or KEDA does not know', async () => {
    expect(await unknownFields(all(folder))).toBe('');
  });

  it('runs all as an ordinary user on a read-only root, without a token for Kubernetes', () => {
    for (const workload of workloads(folder)) expect(() => podOf(workload)).not.toThrow();
  });

  it('mounts what is there, and gives every process its database by secret only', () => {
    for (const workload of workloads(folder)) {
      const pod = podOf(workload);
      for (const container of pod.containers) {
        expect(container.volumeMounts.map(({ name }) => name).sort()).toEqual(
          pod.volumes.map(({ name }) => name).sort(),
        );
        expect(container.env).toEqual([
          { name: 'DATABASE_URL', valueFrom: { secretKeyRef: { name: 'eucora-database', key: 'url' } } },
        ]);
        expect(container.image).toMatch(/:\d/);
      }
    }
  });

  it('every disruption budget, selector and autoscaler finds the workload it is for', () => {
    const deployments = ofKind(folder, 'Deployment');
    const selectors = [...ofKind(folder, 'PodDisruptionBudget'), ...deployments].map(
      ({ spec }) => ((spec?.selector ?? {}) as { matchLabels?: Record<string, string> }).matchLabels ?? {},
    );
    expect(selectors.length).toBe(2 * deployments.length);
    for (const wanted of selectors)
      expect(deployments.filter((one) => fits(wanted, labelsOf(one))).length).toBe(1);
    const scalers = ofKind(folder, 'HorizontalPodAutoscaler', 'ScaledObject');
    const targets = scalers.map(({ spec }) => ((spec?.['scaleTargetRef'] ?? {}) as { name?: string }).name);
    expect(targets.sort()).toEqual(deployments.map(({ metadata }) => metadata.name).sort());
    // Who is scaled must not be given a number of replicas: every apply would set it back.
    for (const { spec } of deployments) expect(spec).not.toHaveProperty('replicas');
  });
});

it('settings are those that the platform knows, and valid', () => {
  const { data } = z
    .looseObject({ data: z.record(z.string(), z.string()) })
    .parse(named('base', 'ConfigMap', 'eucora-settings'));
  for (const name of Object.keys(data))
    if (!name.startsWith('TEMPORAL_')) expect(Object.keys(configSchema.shape)).toContain(name);
  expect(() => parseConfig({ ...data, DATABASE_URL: 'postgres://p' })).not.toThrow();
});

it('processes are started by programs that the build makes, and probed where they listen', () => {
  for (const workload of workloads('base')) {
    for (const { command, ports } of podOf(workload).containers) {
      const entry =
        command
          .at(-1)
          ?.replace(/^dist\//, '')
          .replace(/\.js$/, '.ts') ?? '';
      expect([entry, existsSync(join(ROOT, entry))]).toEqual([entry, true]);
      const text = JSON.stringify(workload);
      for (const match of text.matchAll(/"httpGet":\{"path":"([^"]+)","port":"([^"]+)"/g)) {
        expect(['/health/live', '/health/ready']).toContain(match[1]);
        expect(ports.map(({ name }) => name)).toContain(match[2]);
      }
    }
  }
});

it('services reach ports that the API opens, and policies let their callers in', () => {
  const api = podOf(named('base', 'Deployment', 'eucora-api')).containers[0];
  const open = api?.ports.map(({ name }) => name) ?? [];
  for (const service of ofKind('base', 'Service')) {
    expect(
      fits(
        service.spec?.selector as Record<string, string>,
        labelsOf(named('base', 'Deployment', 'eucora-api')),
      ),
    ).toBe(true);
    for (const { targetPort } of (service.spec?.['ports'] ?? []) as { targetPort: string }[])
      expect(open).toContain(targetPort);
  }
  const allowed = JSON.stringify(named('base', 'NetworkPolicy', 'eucora-api').spec);
  for (const name of open) expect(allowed).toContain(`"port":"${name}"`);
  expect(named('base', 'NetworkPolicy', 'deny-all').spec).toEqual({
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
  });
});

it('workers follow the backlog of their own task queue', () => {
  const queueOf = (folder: string, name: string) =>
    z
      .looseObject({
        triggers: z.tuple([
          z.object({ type: z.literal('temporal'), metadata: z.looseObject({ taskQueue: z.string() }) }),
        ]),
      })
      .parse(named(folder, 'ScaledObject', name).spec).triggers[0].metadata.taskQueue;
  expect(queueOf('base', 'eucora-worker')).toBe(CONTROL_PLANE_TASK_QUEUE);
  expect(queueOf('queues/packaging', 'eucora-worker-packaging')).toBe('packaging');
  expect(queueOf('queues/ai', 'eucora-worker-ai')).toBe('ai');
});

it('what the API is scaled by is a metric that it exports', () => {
  const scaler = JSON.stringify(named('base', 'HorizontalPodAutoscaler', 'eucora-api').spec);
  expect(scaler).toContain('eucora_http_requests_per_second');
  const source = readFileSync(join(ROOT, 'deploy/kubernetes/base/api-scaling.yaml'), 'utf8');
  const series = /sum\(rate\((\w+)_count\{/.exec(source)?.[1] ?? 'none';
  expect(readFileSync(join(ROOT, 'api/middleware/observe.ts'), 'utf8')).toContain(`'${series}'`);
});

describe('the schemas refuse', () => {
  const broken = (
    folder: string,
    kind: string,
    name: string,
    change: (spec: Record<string, unknown>) => void,
  ) => {
    const copy = structuredClone(named(folder, kind, name));
    change(copy.spec as Record<string, unknown>);
    return objections(copy);
  };

  it('a number where a text belongs, and what is missing', () => {
    expect(
      broken('base', 'Deployment', 'eucora-api', (spec) => {
        spec['revisionHistoryLimit'] = 'three';
      }),
    ).not.toEqual([]);
    expect(
      broken('base', 'Deployment', 'eucora-api', (spec) => {
        delete spec['selector'];
      }),
    ).not.toEqual([]);
    expect(
      broken('base', 'ScaledObject', 'eucora-worker', (spec) => {
        delete spec['scaleTargetRef'];
      }),
    ).not.toEqual([]);
    expect(
      broken('base', 'HorizontalPodAutoscaler', 'eucora-api', (spec) => {
        spec['maxReplicas'] = '20';
      }),
    ).not.toEqual([]);
  });

  it('a misspelt field, which a cluster would drop without a word', async () => {
    const misspelt = JSON.stringify(named('base', 'Deployment', 'eucora-api')).replace(
      'readinessProbe',
      'readinesProbe',
    );
    expect(await unknownFields(parseManifests(misspelt))).toContain(`'"readinesProbe"' does not exist`);
  });

  it('a kind that nobody publishes', () => {
    expect(() => objections({ apiVersion: 'v1', kind: 'Nothing', metadata: { name: 'n' } })).toThrow(
      /no schema/,
    );
  });
});

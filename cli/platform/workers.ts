/** The workers of the platform, a line each: the program below the build folder, and where its health page is. */
export const WORKERS = [
  {
    name: 'worker',
    entry: 'workers/control-plane/main.js',
    port: 'workerHealth',
    variable: 'EUCORA_WORKER_HEALTH_PORT',
    standard: 8090,
    page: 'the worker’s health page',
  },
  {
    name: 'packaging',
    entry: 'workers/packaging/main.js',
    port: 'packagingHealth',
    variable: 'EUCORA_PACKAGING_HEALTH_PORT',
    standard: 8091,
    page: 'the packaging worker’s health page',
  },
  {
    name: 'ai',
    entry: 'workers/ai/main.js',
    port: 'aiHealth',
    variable: 'EUCORA_AI_HEALTH_PORT',
    standard: 8092,
    page: 'the AI worker’s health page',
  },
] as const;

export type Worker = (typeof WORKERS)[number];
export type WorkerName = Worker['name'];
export const WORKER_NAMES: readonly WorkerName[] = WORKERS.map(({ name }) => name);

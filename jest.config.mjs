import { productFolders } from './scripts/prepare.mjs';

// Libraries that come as ES modules only are transformed as well; Jest itself runs CommonJS.
const esm = [
  '@hono',
  'hono',
  '@peculiar',
  'jose',
  'openid-client',
  'oauth4webapi',
  'uuid',
  'lru-cache',
  'rate-limiter-flexible',
  'openapi3-ts',
  'commander',
  'p-[a-z-]+',
  'yocto-[a-z-]+',
  'd3-[a-z-]+',
  'internmap',
];

const jsc = {
  target: 'es2022',
  parser: { syntax: 'typescript', tsx: false, decorators: false },
  transform: { react: { runtime: 'automatic', importSource: 'hono/jsx' } },
  // Names of errors and classes are compared in tests.
  keepClassNames: true,
};
const transformed = (importInterop) => [
  '@swc/jest',
  { jsc, module: { type: 'commonjs', importInterop }, sourceMaps: 'inline' },
];

/**
 * By room, where a room is younger than its tests; `global` is all else. To be raised to 90 and 90 everywhere, never
 * lowered. The simulator is for the most part run as processes of its own, which are not counted.
 */
const coverageThreshold = {
  global: { lines: 95, branches: 89 },
  './ai/': { lines: 95, branches: 90 },
  './console/': { lines: 95, branches: 90 },
  './packaging/': { lines: 99, branches: 97.5 },
  './simulator/': { lines: 90, branches: 75 },
};

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  globalSetup: '<rootDir>/test/harness/global-setup.ts',
  globalTeardown: '<rootDir>/test/harness/global-teardown.ts',
  moduleFileExtensions: ['ts', 'tsx', 'js', 'mjs', 'cjs', 'json', 'node'],
  transform: {
    // Their own files import each other's defaults, as ES modules do and Node's view of CommonJS does not.
    '/node_modules/(?:d3-[a-z-]+|internmap)/': transformed('swc'),
    '\\.(tsx?|[cm]?js)$': transformed('node'),
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esm.join('|')})/)`, '<rootDir>/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/dist'],
  collectCoverageFrom: [
    ...productFolders().map((folder) => `${folder}/**/*.{ts,tsx}`),
    '!**/*.d.ts',
    // Wiring only; run as processes by the platform's tests.
    '!**/main.ts',
  ],
  // Not v8: coverage of workflows comes out of their sandbox as Istanbul's counters.
  coverageProvider: 'babel',
  coverageReporters: ['text-summary', 'json-summary', 'lcovonly'],
  // `npm test` of the whole suite sets it; a single file would never reach it.
  // biome-ignore lint/style/noProcessEnv: a switch of the test run
  ...(process.env.EUCORA_COVERAGE_GATE === '1' ? { coverageThreshold } : {}),
  maxWorkers: 2,
  // For busy machines: no test is judged by the time it takes.
  testTimeout: 90_000,
};

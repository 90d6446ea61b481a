// node scripts/test-summary.mjs RESULTS.json: one line, `N passed, N failed`. Status 1 when there are no results.
import { readFileSync } from 'node:fs';

/** A file that could not even be loaded counts as one failed test: it holds no results of its own. */
export function summaryOf(results) {
  const failed = results.numFailedTests + (results.numRuntimeErrorTestSuites ?? 0);
  return `${results.numPassedTests} passed, ${failed} failed`;
}

let results;
try {
  results = JSON.parse(readFileSync(process.argv[2] ?? 'coverage/results.json', 'utf8'));
} catch {
  console.error('There are no test results: the run ended before Jest could write them.');
  // Last, also where both outputs go to one log.
  console.log('0 passed, 1 failed');
  process.exit(1);
}
console.log(summaryOf(results));

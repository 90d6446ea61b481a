import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Evidence, Outage } from '../evidence/evidence.ts';
import { countRunningTasks, outcomesOf } from '../evidence/workflows.ts';
import type { Fleet } from '../fleet/fleet.ts';
import type { DeploymentFigures } from '../load/deployment.ts';
import type { LatencyFigures } from '../measure/latency.ts';
import type { SimulationOptions } from '../options.ts';
import type { HeartbeatWatch } from '../watch.ts';
import type { CheckResult } from './check.ts';
import { judgeDeployments } from './deployments.ts';
import { checkDelivery } from './heartbeats.ts';
import { judgePresence } from './presence.ts';
import { judgeTasks } from './tasks.ts';

export interface JudgeParts {
  readonly fleet: Fleet;
  readonly evidence: Evidence;
  readonly client: Client;
  readonly heartbeats: HeartbeatWatch;
  readonly options: SimulationOptions;
  readonly disruptions: readonly Outage[];
  /** Tasks whose creation was confirmed. */
  readonly created: readonly string[];
  readonly deployments: readonly DeploymentFigures[];
}

/** Workflows whose ends are looked at. */
const MOST_WORKFLOWS = 50_000;
/** For visibility and the relay to follow after the last word. */
const FOLLOW_MS = 60_000;

export interface Verdict {
  readonly checks: readonly CheckResult[];
  readonly edgeDelay: LatencyFigures;
}

/** Every check of a run, and how late offline edges were. */
export async function judge(parts: JudgeParts): Promise<Verdict> {
  const { fleet, evidence, heartbeats, options, disruptions, deployments } = parts;
  const endAt = Date.now();
  await heartbeats.lookAtAll();
  const presence = judgePresence({
    agents: fleet.agents,
    edges: await evidence.offlineEdges(),
    outages: await evidence.outages(),
    disruptions,
    offlineAfterMs: options.offlineAfterMs,
    edgeMs: options.edgeMs,
    endAt,
  });
  const { heartbeatsDue, heartbeatsConfirmed, heartbeatsBrokenOff } = fleet.context.tally;
  return {
    checks: [
      heartbeats.audit.result(),
      checkDelivery({
        due: heartbeatsDue,
        confirmed: heartbeatsConfirmed,
        brokenOff: heartbeatsBrokenOff,
        least: options.deliveredShare,
      }),
      presence.wronglyOffline,
      presence.edgesInTime,
      await judgeAllTasks(parts),
      ...(deployments.length === 0 ? [] : [judgeDeployments(deployments)]),
    ],
    edgeDelay: presence.edgeDelay,
  };
}

async function judgeAllTasks({ fleet, evidence, client, created }: JudgeParts): Promise<CheckResult> {
  const running = await settledRunning(client);
  const found = await evidence.tasks();
  return judgeTasks({
    created,
    found,
    words: takenWords(fleet),
    workflows: await outcomesOf(client, MOST_WORKFLOWS),
    running,
  });
}

async function settledRunning(client: Client): Promise<number> {
  for (const until = performance.now() + FOLLOW_MS; ; await delay(500)) {
    const running = await countRunningTasks(client);
    if (running === 0 || performance.now() > until) return running;
  }
}

function takenWords(fleet: Fleet): Map<string, 'complete' | 'fail'> {
  const words = new Map<string, 'complete' | 'fail'>();
  for (const agent of fleet.agents)
    for (const [id, { taken }] of agent.tasks ?? [])
      if (taken === 'complete' || taken === 'fail') words.set(id, taken);
  return words;
}

import type { Seeded } from './seed.ts';

/** Every page of the console by a name, with the filters that cost most. */
export function pagesOf({ agent, task, pipeline, deployment, incident }: Seeded): Record<string, string> {
  return {
    fleet: '/console',
    agents: '/console/agents',
    'agents by tag and part of a name': '/console/agents?tag=site%3Dzrh&hostname=nb-00&is_online=true',
    agent: `/console/agents/${agent}`,
    'agent over four weeks': `/console/agents/${agent}?span=28d`,
    tasks: '/console/tasks',
    'failed tasks': '/console/tasks?status=FAILED&task_type=DEPLOY',
    task: `/console/tasks/${task}`,
    packages: '/console/packages',
    package: `/console/packages/${pipeline}`,
    exceptions: '/console/exceptions',
    deployments: '/console/deployments',
    deployment: `/console/deployments/${deployment}`,
    incidents: '/console/incidents',
    incident: `/console/incidents/${incident}`,
    alerts: '/console/alerts?open=true',
    audit: '/console/audit',
    'audit of an object': `/console/audit?object_id=${agent}`,
    settings: '/console/settings',
  };
}

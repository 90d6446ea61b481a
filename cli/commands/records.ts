import type { Command } from 'commander';
import { AGENT_STATUSES } from '../../contracts/agent/agent.ts';
import { alertSchema } from '../../contracts/agent-presence/alert.ts';
import { AUDIT_KINDS, auditEventSchema } from '../../contracts/audit/audit.ts';
import { deploymentStatusSchema } from '../../contracts/telemetry/telemetry.ts';
import { text } from '../output/printer.ts';
import type { Runtime } from './context.ts';
import { asList } from './list.ts';
import { correlationId, id, instant, oneOf, option } from './values.ts';

/** What the platform keeps on record: audit and alerts. */
export function addRecords(program: Command, runtime: Runtime): void {
  const time = instant(runtime.io.now);

  const audit = program.command('audit').description('who changed what, and security events');
  const auditList = audit.command('list').description('list audit events, newest first');
  asList(runtime, auditList, {
    path: '/audit-events',
    item: auditEventSchema,
    nothing: 'audit events',
    filters: [
      { option: auditList.createOption('--object-type <type>', 'such as agent_task'), key: 'object_type' },
      { option: auditList.createOption('--object <id>', 'id of what was changed'), key: 'object_id' },
      {
        option: auditList.createOption('--actor <id>', 'token name, agent id or workflow id'),
        key: 'actor_id',
      },
      { option: auditList.createOption('--action <action>', 'such as agent_task.start'), key: 'action' },
      {
        option: option(
          '--agent-status <status>',
          `agents’ changes of status to it: ${AGENT_STATUSES.join(', ')}`,
          oneOf(AGENT_STATUSES),
        ),
        key: 'agent_status',
      },
      {
        option: option('--kind <kind>', AUDIT_KINDS.join(', '), oneOf(AUDIT_KINDS)),
        key: 'kind',
      },
      { option: option('--correlation <id>', 'what belongs together', correlationId), key: 'correlation_id' },
      { option: option('--after <time>', 'at or after it (time, date or 2h)', time), key: 'after' },
      { option: option('--before <time>', 'before it', time), key: 'before' },
    ],
    columns: [
      { title: 'AT', text: (event, out) => out.time(event.at) },
      { title: 'ACTION', text: (event) => text(event.action) },
      { title: 'KIND', text: (event, out) => out.status(event.kind) },
      { title: 'ACTOR', text: (event) => text(`${event.actor_type} ${event.actor_id}`) },
      { title: 'OBJECT', text: (event) => text(`${event.object_type} ${event.object_id}`) },
      { title: 'CORRELATION ID', text: (event) => text(event.correlation_id) },
    ],
  });

  const alerts = program.command('alerts').description('critical agents that went OFFLINE');
  const alertList = alerts.command('list').description('list alerts, newest first');
  asList(runtime, alertList, {
    path: '/alerts',
    item: alertSchema,
    nothing: 'alerts',
    filters: [
      { option: option('--agent <id>', 'of this agent', id), key: 'agent_id' },
      { option: alertList.createOption('--open', 'not resolved yet'), key: 'open', value: true },
      {
        option: alertList.createOption('--resolved', 'resolved').conflicts('open'),
        key: 'open',
        value: false,
      },
    ],
    columns: [
      { title: 'ID', text: (alert) => alert.id },
      { title: 'KIND', text: (alert) => alert.kind },
      { title: 'AGENT', text: (alert) => alert.agent_id },
      { title: 'HOSTNAME', text: (alert) => text(alert.hostname) },
      { title: 'OPENED', text: (alert, out) => out.time(alert.opened_at) },
      { title: 'RESOLVED', text: (alert, out) => out.time(alert.resolved_at) },
      { title: 'DELIVERY', text: (alert, out) => out.status(alert.delivery) },
      { title: 'ERROR', text: (alert) => text(alert.delivery_error) },
    ],
  });
}

/** What agents report while they install; also of packages that were deployed by single tasks. */
export function addDeploymentReports(deployments: Command, runtime: Runtime): void {
  const deploymentList = deployments
    .command('reports')
    .description('list what agents reported, newest first');
  asList(runtime, deploymentList, {
    path: '/deployment-statuses',
    item: deploymentStatusSchema,
    nothing: 'deployment reports',
    filters: [
      { option: option('--agent <id>', 'of this agent', id), key: 'agent_id' },
      { option: option('--task <id>', 'of this task', id), key: 'task_id' },
      { option: deploymentList.createOption('--package <name>', 'of this package'), key: 'package_name' },
    ],
    columns: [
      { title: 'REPORTED', text: (report, out) => out.time(report.reported_at) },
      { title: 'AGENT', text: (report) => report.agent_id },
      { title: 'PACKAGE', text: (report) => text(`${report.package_name} ${report.package_version}`) },
      { title: 'STATUS', text: (report, out) => out.status(report.status) },
      {
        title: 'PROGRESS',
        text: (report) => (typeof report.progress === 'number' ? `${report.progress} %` : '-'),
      },
      { title: 'TASK', text: (report) => text(report.task_id) },
      { title: 'ERROR', text: (report) => text(report.error) },
    ],
  });
}

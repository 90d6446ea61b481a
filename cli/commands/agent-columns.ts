import type { Agent } from '../../contracts/agent/agent.ts';
import { type AgentCertificate, standingOf } from '../../contracts/agent/certificate.ts';
import { type Column, json, pairs, text } from '../output/printer.ts';

export const agentColumns: readonly Column<Agent>[] = [
  { title: 'ID', text: (agent) => agent.id },
  { title: 'HOSTNAME', text: (agent) => text(agent.hostname) },
  {
    title: 'STATUS',
    text: (agent, out) => (agent.revoked_at === null ? out.status(agent.status) : 'revoked'),
  },
  { title: 'PLATFORM', text: (agent) => text(`${agent.platform} ${agent.platform_version}`.trim()) },
  { title: 'AGENT', text: (agent) => text(agent.agent_version) },
  { title: 'HEARTBEAT', text: (agent, out) => out.time(agent.last_heartbeat_at) },
  { title: 'TAGS', text: (agent) => pairs(agent.tags) },
];

const size = (value: number | null, unit: string): string => (value === null ? '-' : `${value} ${unit}`);

export const agentFields: readonly Column<Agent>[] = [
  ...agentColumns,
  { title: 'LAST ERROR', text: (agent) => text(agent.last_error) },
  {
    title: 'HARDWARE',
    text: (agent) =>
      [size(agent.cpu_cores, 'cores'), size(agent.memory_mb, 'MiB'), size(agent.disk_gb, 'GiB')].join(', '),
  },
  { title: 'ADDRESSES', text: (agent) => `${text(agent.ip_address)}, ${text(agent.mac_address)}` },
  { title: 'REGISTRATION KEY', text: (agent) => text(agent.registration_key) },
  { title: 'METADATA', text: (agent) => json(agent.metadata) },
  { title: 'CLONED FROM', text: (agent) => text(agent.cloned_from) },
  { title: 'FIRST SEEN', text: (agent, out) => out.time(agent.first_seen_at) },
  { title: 'REVOKED', text: (agent, out) => out.time(agent.revoked_at) },
  { title: 'UPDATED', text: (agent, out) => out.time(agent.updated_at) },
];

/** Of the certificate that an agent was given last. */
export const certificateFields: readonly Column<AgentCertificate>[] = [
  { title: 'CERTIFICATE', text: ({ subject }) => text(subject) },
  { title: 'SERIAL', text: ({ serial }) => text(serial) },
  { title: 'FINGERPRINT', text: ({ fingerprint_sha256 }) => text(fingerprint_sha256) },
  { title: 'ISSUED', text: ({ issued_at }, out) => out.time(issued_at) },
  {
    title: 'EXPIRES',
    text: (certificate, out) => {
      const { state } = standingOf(certificate, out.now());
      const warning = state === 'VALID' ? '' : ` (${out.status(state.replaceAll('_', ' ').toLowerCase())})`;
      return `${out.time(certificate.not_after)}${warning}`;
    },
  },
];

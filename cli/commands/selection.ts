import { Option } from 'commander';
import { AGENT_STATUSES, PLATFORMS } from '../../contracts/agent/agent.ts';
import type { Filter } from './list.ts';
import { oneOf, option } from './values.ts';

/** Filters on agents, for lists and for the targets of a task. */
export const selectionFilters = (): readonly Filter[] => [
  {
    option: option('--platform <platform>', PLATFORMS.join(', '), oneOf(PLATFORMS)),
    key: 'platform',
  },
  { option: option('--status <status>', AGENT_STATUSES.join(', '), oneOf(AGENT_STATUSES)), key: 'status' },
  { option: new Option('--online', 'agents that are heard'), key: 'is_online', value: true },
  {
    option: new Option('--offline', 'agents that are not heard').conflicts('online'),
    key: 'is_online',
    value: false,
  },
  { option: new Option('--tag <name[=value]>', 'agents with this tag'), key: 'tag' },
  { option: new Option('--hostname <part>', 'part of the hostname, in any case'), key: 'hostname' },
  { option: new Option('--agent-version <version>', 'version of the agent'), key: 'agent_version' },
];

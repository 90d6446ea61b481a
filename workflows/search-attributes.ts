import { defineSearchAttributeKey } from '@temporalio/common';
import { SEARCH_ATTRIBUTES } from '../contracts/temporal.ts';

export const SEARCH_ATTRIBUTE_KEYS = {
  pipelineState: defineSearchAttributeKey(SEARCH_ATTRIBUTES.pipelineState, 'KEYWORD'),
  taskState: defineSearchAttributeKey(SEARCH_ATTRIBUTES.taskState, 'KEYWORD'),
  incidentState: defineSearchAttributeKey(SEARCH_ATTRIBUTES.incidentState, 'KEYWORD'),
  incidentLabel: defineSearchAttributeKey(SEARCH_ATTRIBUTES.incidentLabel, 'KEYWORD'),
  deploymentState: defineSearchAttributeKey(SEARCH_ATTRIBUTES.deploymentState, 'KEYWORD'),
} as const;

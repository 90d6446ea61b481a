import { defineSearchAttributeKey } from '@temporalio/common';
import { SEARCH_ATTRIBUTES } from '../contracts/temporal.ts';

export const SEARCH_ATTRIBUTE_KEYS = {
  taskState: defineSearchAttributeKey(SEARCH_ATTRIBUTES.taskState, 'KEYWORD'),
  state: defineSearchAttributeKey(SEARCH_ATTRIBUTES.state, 'KEYWORD'),
  incidentLabel: defineSearchAttributeKey(SEARCH_ATTRIBUTES.incidentLabel, 'KEYWORD'),
} as const;

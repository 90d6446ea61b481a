import { Context } from '@temporalio/activity';
import type { Assistant } from '../../ai/assistant/ports.ts';
import type { AnalysisInput } from '../../db/stores/incident/analysis.ts';
import type { IncidentStore } from '../../db/stores/incident/incident-store.ts';
import { allAlive } from '../alive.ts';

export type AnalysisActivities = ReturnType<typeof analysisActivities>;

type Incidents = Pick<IncidentStore, 'analysisInput' | 'keepClassification' | 'keepSuggestion'>;

/**
 * What asks the assistant. Ids come in and nothing goes out: failures are read from Postgres and answers kept there. An
 * activity that is tried again after its answer was kept asks nobody.
 */
export function analysisActivities(incidents: Incidents, assistant: Assistant) {
  return allAlive({
    async classifyIncident(id: string): Promise<void> {
      const input = await incidents.analysisInput(id);
      if (input === undefined || input.classified) return;
      const result = await assistant.classifyIncident(input.failure, {
        signal: stopped(),
        ...askingOf(input),
      });
      await incidents.keepClassification(id, input.analysis, result);
    },
    async suggestRemedy(id: string): Promise<void> {
      const input = await incidents.analysisInput(id);
      if (input?.classification == null) return;
      const { failure, classification, wish } = input;
      const result = await assistant.suggestRemediation(
        { failure, classification, ...(wish === null ? {} : { wish }) },
        { signal: stopped(), ...askingOf(input) },
      );
      await incidents.keepSuggestion(id, input.analysis, result, input.trusted);
    },
  });
}

const stopped = (): AbortSignal => Context.current().cancellationSignal;

/** What was answered for another incident of this kind will do at first; who asks again wants to hear something else. */
const askingOf = ({ fingerprint, analysis }: AnalysisInput) => ({ fingerprint, fresh: analysis > 1 });

import { createAssistant } from '../../ai/assistant/assistant.ts';
import { runWorkerProcess } from '../worker-process.ts';
import { createAiWorker } from './worker.ts';

runWorkerProcess(
  {
    name: 'eucora-ai',
    make: ({ config, stores, connection, namespace }) =>
      createAiWorker({
        connection,
        namespace,
        incidents: stores.incidents,
        assistant: createAssistant(config, {
          cache: stores.assistantMemory,
          ledger: stores.assistantMemory,
          now: () => new Date(),
        }),
      }),
  },
  process.env,
);

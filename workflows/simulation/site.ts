import { condition, proxyActivities, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { SimulationActivities, SiteCommand } from '../../contracts/simulation/simulation.ts';
import { close, steer } from './messages.ts';

const { steerSite } = proxyActivities<SimulationActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '1 second', maximumInterval: '5 seconds' },
});

/** One site of the virtual fleet: its agents are woken, cut off and reconnected together. @returns commands obeyed */
export async function simulatedSite(site: number): Promise<number> {
  const waiting: SiteCommand[] = [];
  let closed = false;
  let obeyed = 0;
  setHandler(steer, (command) => {
    waiting.push(command);
  });
  setHandler(close, () => {
    closed = true;
  });
  setCurrentDetails('Everybody sleeps.');
  for (;;) {
    await condition(() => waiting.length > 0 || closed);
    const command = waiting.shift();
    if (command === undefined) return obeyed;
    const agents = await steerSite.executeWithOptions({ summary: describeCommand(command) }, [site, command]);
    obeyed += 1;
    setCurrentDetails(`${describeCommand(command)}: ${agents} agents.`);
  }
}

export function describeCommand(command: SiteCommand): string {
  switch (command.kind) {
    case 'wake':
      return `Comes online within ${Math.round(command.within_ms / 1_000)} s`;
    case 'cut':
      return 'Cut off';
    case 'reconnect':
      return `Reconnects within ${Math.round(command.within_ms / 1_000)} s`;
  }
}

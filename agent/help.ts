import { SETTINGS, variableOf } from './config.ts';
import { defaultHome } from './storage/home.ts';

/** What `--help` prints. */
export function helpText(platform: NodeJS.Platform): string {
  const width = Math.max(...SETTINGS.map(({ variable }) => variable.length));
  const line = (name: string, description: string) => `  ${name.padEnd(width)}  ${description}`;
  return [
    'Usage: eucora-agent <command>',
    '',
    'Commands:',
    line('run', 'Run the agent: a launcher that keeps a worker running and up to date'),
    line('work', 'Run the worker alone, without restarts and updates'),
    line('once', 'Send one heartbeat, print the answer, exit'),
    line('--version', 'Print the version'),
    line('--help', 'Print this'),
    '',
    'Settings (environment variable; or the part after EUCORA_AGENT_ in small letters in config.json in the home):',
    line(variableOf('home'), `Folder of the agent’s state (default ${defaultHome(platform)})`),
    ...SETTINGS.map(({ variable, description }) => line(variable, description)),
    '',
  ].join('\n');
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identify, isRunning } from '../../../cli/engines/processes.ts';
import { eventually, program, removeScratch, scratch } from '../support/scratch.ts';

afterEach(removeScratch);

test('a package that cannot be built leaves nothing that keeps the demo from its end', async () => {
  const inTheWay = join(await scratch(), 'file');
  await writeFile(inTheWay, '');
  const demo = spawn(
    process.execPath,
    [
      await program(`
        import { portInUse } from './cli/demo/failing-package.ts';
        await portInUse(${JSON.stringify(inTheWay)}).catch(() => { process.exitCode = 7; });`),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  expect(await once(demo, 'exit')).toEqual([7, null]);
});

test('a demo that is killed leaves neither its agent nor what holds the port of its story', async () => {
  const folder = await scratch();
  const agent = join(folder, 'agent.mjs');
  await writeFile(agent, 'setInterval(() => {}, 1_000);');
  const options = { file: agent, home: folder, logFile: join(folder, 'agent.log') };
  const demo = spawn(
    process.execPath,
    [
      await program(`
        import { AgentProcess } from './cli/demo/agent-process.ts';
        import { portInUse } from './cli/demo/failing-package.ts';
        const agent = new AgentProcess(${JSON.stringify({ ...options, server: '', ca: '', registrationKey: '' })});
        agent.start();
        const { script, told } = await portInUse(${JSON.stringify(folder)});
        console.log(JSON.stringify([agent.pid, Number(/kill (\\d+)/.exec(script)[1]), told]));
        setInterval(() => {}, 1_000);`),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = await once(demo.stdout, 'data');
  const [agentPid, leftoverPid, told] = JSON.parse(String(line));
  expect(told).toMatch(/ has its port [1-9]\d+$/);
  const both = await Promise.all([identify(agentPid), identify(leftoverPid)]);
  demo.kill('SIGKILL');
  for (const one of both) {
    if (one === undefined) throw new Error('it did not run');
    await eventually(async () => !(await isRunning(one)));
  }
});

import { EngineError, messageOf } from '../engines/errors.ts';
import { type Progress, warn } from '../engines/progress.ts';
import type { RunningProcess } from '../engines/running.ts';
import { forgetProcess, type ProcessName } from './run-records.ts';
import type { Supervised } from './supervised.ts';
import { WORKER_NAMES } from './workers.ts';

/** Everything that is started, in the order of starting, so that it can be stopped in the reverse one. */
export class Stack {
  readonly units = new Map<ProcessName, Supervised<RunningProcess>>();

  unit(name: ProcessName): Supervised<RunningProcess> {
    const unit = this.units.get(name);
    if (unit === undefined) throw new EngineError(`${name} is not run by this platform`);
    return unit;
  }

  async end(how: 'stop' | 'kill', run: string, progress: Progress): Promise<void> {
    for (const names of [['api', ...WORKER_NAMES], ['temporal'], ['postgres']] as const) {
      await Promise.all(
        names.map(async (name) => {
          // One that cannot be ended must not keep the others running.
          await this.units
            .get(name)
            ?.[how]()
            .catch((error: unknown) => {
              warn(progress, `${name} could not be ended: ${messageOf(error)}`);
            });
          await forgetProcess(run, name);
        }),
      );
    }
  }
}

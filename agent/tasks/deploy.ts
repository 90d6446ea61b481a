import { rename, rm } from 'node:fs/promises';
import { type DeployPayload, type DetectionRule, deployPayload } from '../../contracts/agent-task/payload.ts';
import { type Detection, detect } from '../deploy/detection.ts';
import type { Downloader } from '../deploy/download.ts';
import type { Installer } from '../deploy/installer.ts';
import type { PackageFormat } from '../deploy/native.ts';
import { messageOf } from '../log.ts';
import { storable } from '../text.ts';
import { completed, type Execution, type Executor, payloadOf } from './executor.ts';

export interface DeployOptions {
  readonly downloader: Downloader;
  readonly installerFor: (format: PackageFormat) => Installer;
}

type Status = 'DOWNLOADING' | 'INSTALLING' | 'VERIFYING' | 'INSTALLED' | 'FAILED';
type Tell = (status: Status, progress: number | null, error?: string) => void;

const DOWNLOADED = 60;
const INSTALLED = 90;
const REPORT_STEP = 10;

function teller(execution: Execution, payload: DeployPayload): Tell {
  return (status, progress, error) => {
    execution.progress(progress, `${status} ${payload.package_name} ${payload.package_version}`);
    execution.report({
      package_name: payload.package_name,
      package_version: payload.package_version,
      status,
      progress,
      ...(payload.deployment_intent === undefined ? {} : { deployment_intent: payload.deployment_intent }),
      ...(error === undefined ? {} : { error: storable(error, 16_384) }),
    });
  };
}

/** Without a rule of its own a deployment counts as done when the package database knows the version. */
const ruleOf = (payload: DeployPayload): DetectionRule =>
  payload.detection ?? { package_name: payload.package_name, package_version: payload.package_version };

/** DEPLOY: download, check the hash, install, and decide by the detection rule whether it is there. */
export function deployExecutor({ downloader, installerFor }: DeployOptions): Executor {
  return async (execution) => {
    const { task, signal, log } = execution;
    const payload = payloadOf(deployPayload, task);
    const tell = teller(execution, payload);
    try {
      const installer = installerFor(payload.format);
      const check = (): Promise<Detection> => detect(ruleOf(payload), installer.root, installer.versionOf);
      if ((await check()).holds) {
        log.info('The package is already there', { package_name: payload.package_name });
        tell('INSTALLED', 100);
        return completed({ ...describe(payload, installer), already_installed: true });
      }
      const path = await download(downloader, payload, tell, task.id, signal);
      try {
        tell('INSTALLING', DOWNLOADED);
        const installation = await installer.install(path, signal);
        tell('VERIFYING', INSTALLED);
        const detection = await check();
        if (!detection.holds)
          throw new Error(`Installed, but the detection rule does not hold: ${detection.reason}`);
        tell('INSTALLED', 100);
        return completed({ ...describe(payload, installer), already_installed: false, ...installation });
      } finally {
        await rm(path, { force: true });
      }
    } catch (error) {
      // A stop from outside is not the package's failure, but the deployment has ended all the same.
      tell('FAILED', null, messageOf(signal.aborted ? signal.reason : error));
      throw error;
    }
  };
}

const describe = (payload: DeployPayload, installer: Installer) => ({
  package_name: payload.package_name,
  package_version: payload.package_version,
  install_root: installer.root,
});

async function download(
  downloader: Downloader,
  { artifact, format }: DeployPayload,
  tell: Tell,
  taskId: string,
  signal: AbortSignal,
): Promise<string> {
  tell('DOWNLOADING', 0);
  let told = 0;
  const path = await downloader.fetch({
    artifact,
    taskId,
    signal,
    onProgress: (bytes, total) => {
      if (total === undefined || total === 0) return;
      const progress = Math.min(DOWNLOADED, Math.floor((DOWNLOADED * bytes) / total));
      if (progress - told < REPORT_STEP) return;
      told = progress;
      tell('DOWNLOADING', progress);
    },
  });
  // Some package tools go by the ending.
  const named = `${path}.${format}`;
  await rename(path, named);
  return named;
}

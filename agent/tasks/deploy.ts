import { rename, rm } from 'node:fs/promises';
import type { DetectionRule } from '../../contracts/agent-task/package-rules.ts';
import { type DeployPayload, deployPayload } from '../../contracts/agent-task/payload.ts';
import { type Detection, detect } from '../deploy/detection.ts';
import type { Downloader } from '../deploy/download.ts';
import { DeployFailure, failingAs } from '../deploy/failure.ts';
import type { Installer } from '../deploy/installer.ts';
import type { PackageFormat } from '../deploy/native.ts';
import { describeForPackages, missingDependency, unmetRequirement } from '../deploy/requirements.ts';
import { verifySignature } from '../deploy/signature.ts';
import { satisfies } from '../deploy/versions.ts';
import { messageOf } from '../log.ts';
import type { Tools } from '../system/tools.ts';
import { storable } from '../text.ts';
import { completed, type Execution, ExecutionFailure, type Executor, payloadOf } from './executor.ts';
import type { Outcome } from './journal.ts';

export interface DeployOptions {
  readonly downloader: Downloader;
  readonly installerFor: (format: PackageFormat) => Installer;
  readonly tools: Tools;
  readonly scratch: string;
}

type Status = 'DOWNLOADING' | 'INSTALLING' | 'VERIFYING' | 'INSTALLED' | 'FAILED' | 'REMOVED';
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

/** DEPLOY: whether it fits, download, check hash and signature, install, and decide by the rule whether it is there. */
export function deployExecutor(options: DeployOptions): Executor {
  return async (execution) => {
    const payload = payloadOf(deployPayload, execution.task);
    const tell = teller(execution, payload);
    const gone: string[] = [];
    try {
      const installer = options.installerFor(payload.format);
      return payload.action === 'uninstall'
        ? await uninstall(payload, installer, tell, execution)
        : await install(payload, installer, tell, execution, { ...options, gone });
    } catch (error) {
      // A stop from outside is not the package's failure, but the deployment has ended all the same.
      const { signal } = execution;
      const reason = messageOf(signal.aborted ? signal.reason : error);
      if (gone.length === 0) {
        tell('FAILED', null, reason);
        throw error;
      }
      // Perhaps the machine has neither now.
      const message = `${reason} (${gone.map((what) => `${what} was removed before`).join(', ')})`;
      tell('FAILED', null, message);
      throw new ExecutionFailure(message, error instanceof ExecutionFailure ? error.result : {}, error);
    }
  };
}

async function install(
  payload: DeployPayload,
  installer: Installer,
  tell: Tell,
  { task, signal, log }: Execution,
  options: DeployOptions & { readonly gone: string[] },
): Promise<Outcome> {
  const probes = { root: installer.root, versionOf: installer.versionOf, tools: options.tools };
  const check = (): Promise<Detection> => failingAs('detection', () => detect(ruleOf(payload), probes));
  if ((await check()).holds) {
    log.info('The package is already there', { package_name: payload.package_name });
    tell('INSTALLED', 100);
    return completed({ ...describe(payload, installer), already_installed: true });
  }
  await refuseWhereItDoesNotFit(payload, installer, options.tools);
  const path = await failingAs('download', () =>
    download(options.downloader, payload, tell, task.id, signal),
  );
  try {
    const signed_by = await failingAs('signature', () => checkSignature(payload, path, options));
    tell('INSTALLING', DOWNLOADED);
    const { gone: replaced } = options;
    const installation = await failingAs('install', async () => {
      await replace(payload, installer, signal, replaced);
      return installer.install(path, signal);
    });
    tell('VERIFYING', INSTALLED);
    const detection = await check();
    if (!detection.holds) {
      const reason = `Installed, but the detection rule does not hold: ${detection.reason}`;
      throw new DeployFailure('detection', reason);
    }
    tell('INSTALLED', 100);
    return completed({
      ...describe(payload, installer),
      already_installed: false,
      ...(signed_by === undefined ? {} : { signed_by }),
      ...(replaced.length === 0 ? {} : { replaced }),
      ...installation,
    });
  } finally {
    await rm(path, { force: true });
  }
}

/** What is not there is uninstalled already. */
async function uninstall(
  payload: DeployPayload,
  installer: Installer,
  tell: Tell,
  { signal }: Execution,
): Promise<Outcome> {
  const { package_name } = payload;
  return failingAs('install', async () => {
    const there = (await installer.versionOf(package_name)) !== undefined;
    if (there) tell('INSTALLING', null);
    const removal = there ? await installer.remove(package_name, signal) : undefined;
    if ((await installer.versionOf(package_name)) !== undefined)
      throw new DeployFailure('detection', `The package ${package_name} is still installed`);
    tell('REMOVED', 100);
    return completed({ ...describe(payload, installer), already_removed: !there, ...removal });
  });
}

async function refuseWhereItDoesNotFit(
  { requirements, dependencies }: DeployPayload,
  { root, versionOf }: Installer,
  tools: Tools,
): Promise<void> {
  const unmet =
    requirements === undefined
      ? undefined
      : unmetRequirement(requirements, await describeForPackages(tools, root));
  if (unmet !== undefined) throw new DeployFailure('requirements', `Not for this machine: ${unmet}`);
  const missing = await failingAs('dependency', () => missingDependency(dependencies ?? [], versionOf));
  if (missing !== undefined) throw new DeployFailure('dependency', `A dependency is missing: ${missing}`);
}

/** @returns who signed it, where the task asks for that */
async function checkSignature(
  { signature, format }: DeployPayload,
  path: string,
  { tools, scratch }: DeployOptions,
): Promise<string | undefined> {
  return signature === undefined ? undefined : verifySignature(format, path, signature, tools, scratch);
}

/**
 * Takes away what the package replaces, and a newer version of itself where the system's tool would refuse to go back.
 * @param replaced gets what is gone, one by one
 */
async function replace(
  { replaces = [], package_name, package_version }: DeployPayload,
  installer: Installer,
  signal: AbortSignal,
  replaced: string[],
): Promise<void> {
  const own = installer.refusesOlder === true ? await installer.versionOf(package_name) : undefined;
  if (own !== undefined && satisfies(own, '>', package_version)) {
    await installer.remove(package_name, signal);
    replaced.push(`${package_name} ${own}`);
  }
  for (const { package_name: other, version, operator = '<=' } of replaces) {
    const installed = other === package_name ? undefined : await installer.versionOf(other);
    if (installed === undefined || (version !== undefined && !satisfies(installed, operator, version)))
      continue;
    await installer.remove(other, signal);
    replaced.push(`${other} ${installed}`);
  }
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
  // The schema has made sure of it; the types cannot know.
  if (artifact === undefined) throw new Error('The task names no artifact');
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

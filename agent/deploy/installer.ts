import type { PackageVersion } from './detection.ts';

export interface Installation {
  /** How it was installed, for the task's result. */
  readonly method: string;
  readonly output: string;
  /** What the operator should know, for example that maintainer scripts were not run. */
  readonly notes: readonly string[];
}

/** Puts packages of one format into one place, and knows what is there. */
export interface Installer {
  /** Detection rules' paths are relative to it. */
  readonly root: string;
  /**
   * `signal` keeps it from beginning; a package tool that runs is never ended in the middle.
   * @throws Error with the tool's own words when it fails
   */
  install(path: string, signal: AbortSignal): Promise<Installation>;
  /**
   * Takes a package away again; like an installation it is not ended in the middle.
   * @throws Error with the tool's own words when it fails
   */
  remove(name: string, signal: AbortSignal): Promise<Installation>;
  readonly versionOf: PackageVersion;
  /** It puts no older version over a newer one, which must be removed before. */
  readonly refusesOlder?: boolean;
}

/** What a package tool printed, cut to what fits a message. */
export const lastWords = (stdout: string, stderr: string): string =>
  `${stdout}\n${stderr}`.trim().slice(-4_000);

/** Where the tools are and how they run; a worker makes it once from its configuration. */
export interface ToolSettings {
  /** Folders in which programs are looked for, in this order. */
  readonly path: readonly string[];
  /** `required`: a machine on which tools cannot be cut off from the network refuses to run them. */
  readonly isolation: 'required' | 'preferred';
  /** Programs by name whose path is given instead of looked for, such as `trivy`. */
  readonly programs: Readonly<Record<string, string>>;
  readonly scan: ScanSettings;
  /** RFC 3161 server for Authenticode signatures; none: signatures carry no time and end with the certificate. */
  readonly timestampUrl: string | undefined;
  /** PEM file of the authorities that timestamps must lead to; default: the machine's. */
  readonly timestampAuthorities: string | undefined;
}

export interface ScanSettings {
  /** Trivy's cache folder, with db/trivy.db and db/metadata.json, and the like in java-db. */
  readonly trivyCache: string;
  /** OCI repository that Trivy's database is fetched from when it is missing or too old; `default`: Trivy's own; none: offline. */
  readonly trivyRepository: string | undefined;
  /** The same of Trivy's index of Java archives, which is needed for packages that hold some. */
  readonly trivyJavaRepository: string | undefined;
  readonly maxJavaIndexAgeHours: number;
  /** osv-scanner's folder, with osv-scalibr/<ecosystem>/all.zip. */
  readonly osvDatabase: string;
  readonly maxDatabaseAgeHours: number;
}

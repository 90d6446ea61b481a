import { z } from 'zod';
import { freeText, openObject, text } from '../http/common.ts';

/** What a deployment asks of a machine before, and expects of it after. Shared by intents and by the agents' tasks. */

export const VERSION_OPERATORS = ['=', '<', '<=', '>', '>='] as const;
export type VersionOperator = (typeof VERSION_OPERATORS)[number];
const operator = z.enum(VERSION_OPERATORS);
const version = text(255);

/** Decides what "installed" means; all the fields given must hold. Paths are relative to the install root. */
export const detectionRuleSchema = openObject({
  file_exists: text(1_024).optional(),
  file_sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .meta({ description: 'Of the file named by file_exists' }),
  file_version: version.optional().meta({
    description:
      'Of the file named by file_exists: its version resource on Windows, elsewhere the first dotted number in its first 64 KiB',
  }),
  file_version_operator: operator.optional().meta({ description: 'Default: =' }),
  package_name: text(255).optional().meta({ description: 'Must be known to the package database' }),
  package_version: version.optional(),
  package_version_operator: operator
    .optional()
    .meta({ description: 'Default: =, as text; the others compare as dpkg does' }),
  registry_key: text(1_024).optional().meta({ description: 'Windows only; such as HKLM\\Software\\Vendor' }),
  registry_value: text(255).optional().meta({ description: 'Name of a value of registry_key' }),
  registry_data: text(4_096).optional().meta({ description: 'What the value must be' }),
}).meta({ id: 'DetectionRule' });
export type DetectionRule = z.infer<typeof detectionRuleSchema>;

export const MACHINE_ARCHITECTURES = ['amd64', 'arm64', '386', 'arm'] as const;

/** What the machine must be; one that is not is left out, which is no failure of the package. */
export const requirementsSchema = openObject({
  architectures: z.array(z.enum(MACHINE_ARCHITECTURES)).min(1).max(8).optional(),
  min_platform_version: text(64)
    .optional()
    .meta({ description: 'Of the operating system, such as 12 (VERSION_ID), 10.0.22631 or 14.2' }),
  min_memory_mb: z.number().int().min(1).max(1_000_000_000).optional(),
  min_free_disk_mb: z
    .number()
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .meta({ description: 'Where packages are installed' }),
}).meta({ id: 'PackageRequirements' });
export type Requirements = z.infer<typeof requirementsSchema>;

/** Another package that must be installed before. */
export const dependencySchema = openObject({
  package_name: text(255),
  version: version.optional(),
  operator: operator.optional(),
}).meta({ id: 'PackageDependency', description: 'operator defaults to >=' });
export type Dependency = z.infer<typeof dependencySchema>;

/** Another package that goes when this one comes. */
export const replacesSchema = openObject({
  package_name: text(255),
  version: version.optional(),
  operator: operator.optional(),
}).meta({ id: 'ReplacedPackage', description: 'operator defaults to <=; without a version: all versions' });
export type Replaces = z.infer<typeof replacesSchema>;

/** Who must have signed the package. */
export const signatureRuleSchema = openObject({
  trusted_keys: z.array(freeText(65_536)).min(1).max(16).meta({
    description: 'OpenPGP public keys (armored) or certificates (PEM), by the format of the package',
  }),
}).meta({ id: 'SignatureRule' });
export type SignatureRule = z.infer<typeof signatureRuleSchema>;

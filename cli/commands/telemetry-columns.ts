import {
  type Software,
  type TelemetryRecord,
  telemetryRecordSchema,
} from '../../contracts/telemetry/telemetry.ts';
import { type Column, text } from '../output/printer.ts';

export const telemetryRecord = telemetryRecordSchema;

const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? '-' : `${value.toFixed(1)} %`;

export const telemetryColumns: readonly Column<TelemetryRecord>[] = [
  { title: 'COLLECTED', text: (sample, out) => out.time(sample.collected_at) },
  { title: 'CPU', text: (sample) => percent(sample.cpu_percent) },
  { title: 'MEMORY', text: (sample) => percent(sample.memory_percent) },
  { title: 'DISK', text: (sample) => percent(sample.disk_percent) },
  {
    title: 'SERVICES NOT RUNNING',
    text: (sample) =>
      text(
        (sample.services ?? [])
          .filter((service) => service.state !== 'running')
          .map((service) => `${service.name} (${service.state})`)
          .join(', '),
      ),
  },
];

export const softwareColumns: readonly Column<Software>[] = [
  { title: 'NAME', text: (software) => text(software.name) },
  { title: 'VERSION', text: (software) => text(software.version) },
  { title: 'PUBLISHER', text: (software) => text(software.publisher) },
  { title: 'INSTALLED', text: (software) => text(software.installed_on) },
];

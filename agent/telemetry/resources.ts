import { readFile, statfs } from 'node:fs/promises';
import { type CpuInfo, cpus, freemem, loadavg, totalmem, uptime } from 'node:os';
import { GIBIBYTE, MEBIBYTE, systemVolume } from '../system/facts.ts';
import { sleep } from '../timing.ts';

const round = (value: number): number => Math.round(value * 10) / 10;
const share = (part: number, whole: number): number =>
  whole > 0 ? round(Math.min(100, Math.max(0, (100 * part) / whole))) : 0;

interface CpuTimes {
  readonly idle: number;
  readonly total: number;
}

export function cpuTimes(cores: readonly CpuInfo[] = cpus()): CpuTimes {
  const sum = (times: CpuInfo['times']) => times.user + times.nice + times.sys + times.idle + times.irq;
  return {
    idle: cores.reduce((all, { times }) => all + times.idle, 0),
    total: cores.reduce((all, { times }) => all + sum(times), 0),
  };
}

/** Share of time in which processors were busy between two readings, 0 to 100; null when no time has passed. */
export function cpuPercent(before: CpuTimes, now: CpuTimes): number | null {
  const total = now.total - before.total;
  return total > 0 ? share(total - (now.idle - before.idle), total) : null;
}

/** Memory that programs can still get: the kernel's own word, since "free" leaves out what caches give back. */
async function availableMemory(): Promise<number> {
  const info = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(info)?.[1];
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1_024;
}

/** Measures processor, memory and disk; processor load is that since the measurement before. */
export class ResourceMeter {
  readonly #platform: NodeJS.Platform;
  #before: CpuTimes | undefined;

  constructor(platform: NodeJS.Platform = process.platform) {
    this.#platform = platform;
  }

  async measure() {
    if (this.#before === undefined) {
      this.#before = cpuTimes();
      await sleep(250);
    }
    const now = cpuTimes();
    const cpu = cpuPercent(this.#before, now);
    this.#before = now;
    const total = totalmem();
    const used = total - Math.min(total, await availableMemory());
    return {
      cpu_percent: cpu,
      memory_percent: share(used, total),
      memory_used_mb: round(used / MEBIBYTE),
      memory_total_mb: round(total / MEBIBYTE),
      ...(await this.#disk()),
      metrics: { load_1m: round(loadavg()[0] ?? 0), uptime_seconds: Math.round(uptime()) },
    };
  }

  async #disk() {
    const disk = await statfs(systemVolume(this.#platform)).catch(() => undefined);
    if (disk === undefined) return {};
    const used = (disk.blocks - disk.bfree) * disk.bsize;
    return {
      // As df counts: what is reserved for root is not available to anyone else.
      disk_percent: share(disk.blocks - disk.bfree, disk.blocks - disk.bfree + disk.bavail),
      disk_used_gb: round(used / GIBIBYTE),
      disk_total_gb: round((disk.blocks * disk.bsize) / GIBIBYTE),
    };
  }
}

import { median } from "../bench/figure.ts";

/** What the processes of our functions hold, sampled. Linux only: empty elsewhere. */
export interface MemorySampler {
  /** Ends the sampling; megabytes by function, oldest first. */
  stop(): Promise<ReadonlyMap<string, readonly number[]>>;
}

/** Samples VmRSS of the functions that this process has started, once a period. */
export function sampleMemory(milliseconds: number): MemorySampler {
  const samples = new Map<string, number[]>();
  let pending = Promise.resolve();
  const timer = setInterval(() => {
    pending = pending.then(() => sample(samples));
  }, milliseconds);
  return {
    stop: async () => {
      clearInterval(timer);
      await pending;
      return samples;
    },
  };
}

/** How much more a process holds in the last quarter than in the second, and at most; megabytes. */
export function growthOf(
  samples: readonly number[],
): { readonly by: number; readonly most: number } {
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const second = median(samples.slice(quarter, 2 * quarter));
  return {
    by: Math.round(median(samples.slice(-quarter)) - second),
    most: Math.round(Math.max(...samples)),
  };
}

async function sample(samples: Map<string, number[]>): Promise<void> {
  try {
    for await (const { name: pid } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(pid)) continue;
      const status = await Deno.readTextFile(`/proc/${pid}/status`).catch(() => "");
      if (!status.includes(`PPid:\t${Deno.pid}\n`)) continue;
      const command = await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "");
      const name = /functions\/([\w-]+)\/index\.ts/.exec(command)?.[1];
      const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
      if (name === undefined || !Number.isFinite(kilobytes)) continue;
      samples.set(name, [...samples.get(name) ?? [], kilobytes / 1024]);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

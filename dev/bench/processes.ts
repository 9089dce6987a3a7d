/** Kernel clock ticks per second: what /proc counts CPU time in. */
const TICKS = 100;

/** CPU time of a process so far, in seconds; 0 where there is no /proc. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await read(pid, "stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS;
}

/** The most memory that a process has held; 0 where there is no /proc. */
export async function peakMegabytes(pid: number): Promise<number> {
  return Number(/VmHWM:\s+(\d+)/.exec(await read(pid, "status"))?.[1] ?? 0) / 1024;
}

/** The process that we have started for a function; null where there is none, or no /proc. */
export async function functionPid(name: string): Promise<number | null> {
  try {
    for await (const entry of Deno.readDir("/proc")) {
      const pid = Number(entry.name);
      if (!Number.isInteger(pid)) continue;
      if (!(await read(pid, "cmdline")).includes(`/${name}/index.ts`)) continue;
      if ((await read(pid, "status")).includes(`PPid:\t${Deno.pid}\n`)) return pid;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return null;
}

async function read(pid: number, file: string): Promise<string> {
  return await Deno.readTextFile(`/proc/${pid}/${file}`).catch(() => "");
}

/** Milliseconds that a process has been on a processor; undefined where the system does not say. */
export function processorTime(pid: number): number | undefined {
  try {
    const [nanoseconds] = Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ");
    return Number(nanoseconds) / 1e6;
  } catch {
    return undefined;
  }
}

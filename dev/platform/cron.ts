import { Cron } from "croner";
import postgres from "postgres";
import { z } from "zod";

/** What pg_cron's background worker does, for the engine that does not have the real one. */
export interface CronRunner {
  /** Stops firing and waits for the jobs that are running. */
  stop(): Promise<void>;
}

const jobSchema = z.object({
  jobid: z.string(),
  schedule: z.string(),
  command: z.string(),
  database: z.string(),
  username: z.string(),
});
type Job = z.infer<typeof jobSchema>;

/**
 * Fires the active jobs of `cron.job` until stopped, each as its own user, never twice at once, in
 * GMT, and writes `cron.job_run_details`. `urlOf` gives the connection URL of a role.
 */
export async function startCron(urlOf: (role: string) => string): Promise<CronRunner> {
  const sql = postgres(urlOf("supabase_admin"), { max: 4, onnotice: () => {} });
  const running = new Set<Promise<void>>();
  let timers: Cron[] = [];
  const reload = async () => {
    const jobs = await readJobs(sql);
    for (const timer of timers) timer.stop();
    timers = jobs.map((job) =>
      new Cron(toCronerPattern(job.schedule), { timezone: "GMT", protect: true }, async () => {
        const run = runJob(sql, job, urlOf(job.username));
        running.add(run);
        await run.finally(() => running.delete(run));
      })
    );
  };
  await sql.listen("platform_cron", () => void reload().catch(reportUnlessEnded));
  await reload();
  return {
    stop: async () => {
      for (const timer of timers) timer.stop();
      await Promise.allSettled(running);
      await sql.end({ timeout: 1 });
    },
  };
}

/**
 * pg_cron's schedule as croner writes it: `30 seconds` becomes a pattern with a seconds field, `$`
 * (the last day of the month) becomes `L`.
 */
export function toCronerPattern(schedule: string): string {
  const seconds = /^\s*(\d+)\s+seconds?\s*$/i.exec(schedule);
  if (seconds !== null) return `*/${seconds[1]} * * * * *`;
  return schedule.trim().replaceAll("$", "L");
}

async function readJobs(sql: postgres.Sql): Promise<Job[]> {
  const [{ installed }] = await sql<[{ installed: boolean }]>`
    select to_regclass('cron.job') is not null as installed
  `;
  if (!installed) return [];
  return z.array(jobSchema).parse(
    await sql`select jobid, schedule, command, database, username from cron.job where active`,
  );
}

async function runJob(sql: postgres.Sql, job: Job, url: string): Promise<void> {
  const [{ runid }] = await sql<[{ runid: string }]>`
    insert into cron.job_run_details (jobid, database, username, command, status, start_time)
    values (${job.jobid}, ${job.database}, ${job.username}, ${job.command}, 'running', now())
    returning runid
  `;
  const own = postgres(url, { max: 1, database: job.database, onnotice: () => {} });
  let status = "succeeded";
  let message: string;
  try {
    const result = await own.unsafe(job.command);
    message = result.command === "SELECT"
      ? `${result.count} row${result.count === 1 ? "" : "s"}`
      : `${result.command ?? ""} ${result.count ?? ""}`.trim();
  } catch (error) {
    status = "failed";
    message = `ERROR:  ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await own.end();
  }
  await sql`
    update cron.job_run_details
    set status = ${status}, return_message = ${message}, end_time = clock_timestamp()
    where runid = ${runid}
  `;
}

function reportUnlessEnded(error: unknown): void {
  if (error instanceof Error && "code" in error && error.code === "CONNECTION_ENDED") return;
  console.error("cron:", error);
}

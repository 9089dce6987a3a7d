import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import postgres from "postgres";
import { eventually } from "../support/eventually.ts";
import { platform } from "../support/platform-env.ts";

// Debian's real pg_cron 1.4 knows whole minutes only.
const soon = platform.engine === "debian" ? "* * * * *" : "1 seconds";

Deno.test("schedules fire as their owner and say how it went, until unscheduled", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`create extension if not exists pg_cron`;
    await sql`select cron.schedule('platform good', ${soon}, 'select current_user')`;
    await sql`select cron.schedule('platform bad', ${soon}, 'select 1 / 0')`;
    const [job] = await sql`select username, active from cron.job where jobname = 'platform good'`;
    deepStrictEqual({ ...job }, { username: "postgres", active: true });
    await eventually(async () => {
      const runs = await sql<{ jobname: string; status: string; return_message: string }[]>`
        select distinct on (jobname) jobname, status, return_message
        from cron.job_run_details join cron.job using (jobid)
        where jobname like 'platform %' and end_time is not null
        order by jobname
      `;
      deepStrictEqual(runs.map((run) => [run.jobname, run.status]), [
        ["platform bad", "failed"],
        ["platform good", "succeeded"],
      ]);
      match(runs[0]?.return_message ?? "", /division by zero/);
    }, 80_000);
    await sql`select cron.unschedule('platform good')`;
    await sql`select cron.unschedule('platform bad')`;
    strictEqual((await sql`select from cron.job where jobname like 'platform %'`).length, 0);
  } finally {
    await sql.end();
  }
});

Deno.test("a schedule that means nothing is refused", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`create extension if not exists pg_cron`;
    const error = await sql`select cron.schedule('platform odd', 'every day', 'select 1')`
      .then(() => undefined, (reason: unknown) => reason);
    match(String(error), /invalid schedule/);
  } finally {
    await sql.end();
  }
});

Deno.test("a job's own timeout holds, whatever its role's is, where pg_cron connects as hosted", async () => {
  const sql = postgres(platform.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql`set statement_timeout = '200ms'`;
    await rejects(sql.unsafe("select pg_sleep(0.5)").simple(), /statement timeout/);
    await sql.unsafe("set statement_timeout = '15min'; select pg_sleep(0.5)").simple();
  } finally {
    await sql.end();
  }
});

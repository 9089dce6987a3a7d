/** What changes whose usage is, or makes all of it be counted anew; and the job that does so. */
import type { TransactionSql } from "postgres";
import { attempt } from "../attempt.ts";
import { CAST, type CastClient, idOf } from "../cast.ts";
import type { Actor, Stage } from "../stage.ts";

/** Marks entries after which records differ from logs until a rollup or a job has served them. */
export const ATTRIBUTION = "attribution";

/** Renames clients, gives nobody's usage to a default client, and moves to another server. */
export function attributor({ sql, history, calendar }: Stage): Actor {
  let turn = 0;
  return {
    name: "attributor",
    pauseMs: 12_000,
    act: async (random) => {
      const one = random.pick(CAST);
      const deeds = [rename(one), setDefault(random.chance(40) ? undefined : one), moveServer];
      const { what, work } = deeds[turn++ % deeds.length] ?? moveServer;
      const touches = [ATTRIBUTION, `client ${one.name}`];
      await attempt(history, { actor: "attributor", what, touches }, async () => {
        // How much is to be rebuilt is asked of the planner.
        await sql`analyze public.agent_usage_logs`;
        await sql.begin(async (tx) => {
          await tx`select set_config('billing.as_of', ${calendar.now().toISOString()}, true)`;
          await work(tx);
        });
        return "";
      });
    },
  };
}

interface Deed {
  readonly what: string;
  readonly work: (tx: TransactionSql) => Promise<unknown>;
}

function rename(one: CastClient): Deed {
  return {
    what: `${one.name} is called otherwise`,
    work: (tx) =>
      tx`update public.clients set external_id = case when external_id = lower(name)
        then lower(name) || '-2' else lower(name) end where id = ${idOf(one)}`,
  };
}

function setDefault(one: CastClient | undefined): Deed {
  return {
    what: `the default client is ${one?.name ?? "nobody"}`,
    work: (tx) =>
      tx`update public.billing_settings
        set default_client_id = ${one === undefined ? null : idOf(one)}`,
  };
}

/** As after a restore into another cluster. */
const moveServer: Deed = {
  what: "the server is another one",
  work: (tx) => tx`update billing.usage_watermark set system_identifier = system_identifier + 1`,
};

/** The job of each minute. */
export function rebuilder({ sql, history }: Stage): Actor {
  return {
    name: "rebuilder",
    pauseMs: 1000,
    act: () =>
      attempt(history, { actor: "rebuilder", what: "rebuild in steps", touches: [] }, async () => {
        await sql`call _billing.rebuild_in_steps('2 seconds')`;
        return "";
      }),
  };
}

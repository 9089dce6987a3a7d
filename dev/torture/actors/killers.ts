/** Those who end others, at any moment. */
import type { Sql } from "postgres";
import { attempt } from "../attempt.ts";
import { KILLER } from "../history.ts";
import type { Actor, Outside, Stage } from "../stage.ts";

const FUNCTIONS = ["deliver", "deliver", "stripe-webhook", "ingest-usage", "reconcile-stripe"];

/** Ends a session, every other time one that is at work. `admin` is the superuser's connection. */
export function backendKiller({ history }: Stage, admin: Sql): Actor {
  return {
    name: "backend killer",
    pauseMs: 1200,
    act: (random) =>
      attempt(history, { actor: KILLER, what: "a backend", touches: ["backend"] }, async () => {
        const [victim] = await admin<{ doing: string }[]>`
          select concat_ws(' ', a.pid, a.state, left(regexp_replace(a.query, '\\s+', ' ', 'g'), 80))
            as doing, pg_terminate_backend(a.pid)
          from (
            select * from pg_stat_activity
            where backend_type = 'client backend' and pid <> pg_backend_pid()
            order by case when ${random.chance(50)} then state = 'idle' end,
              md5(pid::text || ${random.below(1e6)}::text) limit 1
          ) a`;
        return victim?.doing ?? "nobody there";
      }),
  };
}

/** Kills the process of a function, with all that it is doing. */
export function functionKiller({ history }: Stage, { platform }: Outside): Actor {
  return {
    name: "function killer",
    pauseMs: 5000,
    act: async (random) => {
      const name = random.pick(["deliver", ...FUNCTIONS]);
      await attempt(
        history,
        { actor: KILLER, what: `function ${name}`, touches: ["function"] },
        async () => await platform.kill.function(name) ? "killed" : "was not running",
      );
    },
  };
}

/** `kill -9` of the postmaster, restart, recovery. */
export function serverKiller({ history }: Stage, { platform }: Outside, pauseMs: number): Actor {
  return {
    name: "server killer",
    pauseMs,
    act: () =>
      attempt(history, { actor: KILLER, what: "the server", touches: ["server"] }, async () => {
        await platform.kill.database();
        return "recovered";
      }),
  };
}

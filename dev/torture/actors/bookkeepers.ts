/** What the schedule does in the database: rollups, monthly runs, finalizing, comparing. */
import { z } from "zod";
import { attempt, glance } from "../attempt.ts";
import { CAST, idOf } from "../cast.ts";
import type { Actor, Stage } from "../stage.ts";

/** Counts what has come; now and then two do so at once. */
export function rollups({ sql, history }: Stage): Actor {
  const rollup = () =>
    attempt(history, { actor: "rollup", what: "rollup", touches: [] }, async () => {
      const [row] = await sql<{ counted: string }[]>`select _billing.rollup() as counted`;
      return `${row?.counted} rows`;
    });
  return {
    name: "rollup",
    pauseMs: 900,
    act: (random) => Promise.all(random.chance(20) ? [rollup(), rollup()] : [rollup()]),
  };
}

const summary = z.object({ invoices: z.int() });

/** Whether months are billed by the schedule alone: the first two days of a month. */
export function isLeftToTheSchedule(at: Date): boolean {
  return at.getUTCDate() <= 2;
}

/** How a history names a run. */
export function runOf(asOf: Date): string {
  return `run as of ${asOf.toISOString()}`;
}

/** Bills what is over. */
export function monthlyRuns({ sql, history, calendar, ledger }: Stage): Actor {
  return {
    name: "monthly run",
    pauseMs: 2500,
    act: async () => {
      if (isLeftToTheSchedule(calendar.now())) return;
      const asOf = calendar.now().toISOString();
      const what = runOf(new Date(asOf));
      const run = await attempt(
        history,
        { actor: "monthly run", what, touches: ["runs"] },
        async () => {
          const [row] = await sql`select billing.run_monthly(${asOf}) as summary`;
          return summary.parse(row?.["summary"]).invoices;
        },
      );
      if (run.outcome === "done") ledger.accept({ kind: "run", key: asOf, touches: ["runs"] });
    },
  };
}

/** Finalizes a draft at once, whether or not its grace is over. */
export function finalizer({ sql, history, calendar, ledger }: Stage): Actor {
  return {
    name: "finalizer",
    pauseMs: 2000,
    act: async (random) => {
      const [draft] = await glance(sql<{ id: string; name: string }[]>`
        select i.id, c.name from public.invoices i join public.clients c on c.id = i.client_id
        where i.status = 'draft' order by md5(i.id::text || ${random.below(1e6)}::text) limit 1`);
      if (draft === undefined) return;
      const touches = [`client ${draft.name}`];
      const done = await attempt(history, {
        actor: "finalizer",
        what: `finalize the draft ${draft.id} of ${draft.name}`,
        touches,
      }, async () => {
        const [row] = await sql<{ number: string | null }[]>`
          select billing.finalize_invoice(${draft.id}, ${calendar.now()}) as number`;
        return row?.number ?? "came to zero";
      });
      if (done.outcome === "done" && done.value !== "came to zero") {
        ledger.accept({ kind: "invoice", key: done.value, touches });
      }
    },
  };
}

/** The daily comparison of records with logs, which must never find anything. */
export function comparer({ sql, history, calendar }: Stage): Actor {
  return {
    name: "comparer",
    pauseMs: 9000,
    act: () =>
      attempt(history, { actor: "comparer", what: "reconcile usage", touches: [] }, async () => {
        await sql.begin(async (tx) => {
          await tx`select set_config('billing.as_of', ${calendar.now().toISOString()}, true)`;
          await tx`select billing.reconcile_usage()`;
          await tx`select billing.refresh_dashboards()`;
        });
        return "";
      }),
  };
}

/** Asks for one client's invoice of last month, as the API does. */
export function impatient({ sql, history, calendar }: Stage): Actor {
  return {
    name: "impatient",
    pauseMs: 5000,
    act: (random) => {
      const one = random.pick(CAST);
      const month = calendar.month(-1);
      return attempt(history, {
        actor: "impatient",
        what: `generate the invoice of ${one.name} for ${month}`,
        touches: [`client ${one.name}`],
      }, async () => {
        const [row] = await sql<{ outcome: string }[]>`
          select outcome from billing.generate_invoice(${idOf(one)}, ${month}, ${calendar.now()})`;
        return row?.outcome ?? "";
      });
    },
  };
}

interface Seen {
  readonly number: string;
  readonly name: string;
  readonly content: string;
}

/** Looks at issued invoices: what has been seen once must stay as it is. */
export function observer({ sql, history }: Stage): Actor {
  const seen = new Map<string, string>();
  return {
    name: "observer",
    pauseMs: 3000,
    act: async () => {
      const rows = await glance(sql<Seen[]>`
        select i.number, c.name, concat_ws(' ', i.id, i.total_minor, i.issued_on,
          md5(i.document::text), (select md5(string_agg(l::text, ',' order by l.position))
            from public.invoice_lines l where l.invoice_id = i.id)) as content
        from public.invoices i join public.clients c on c.id = i.client_id
        where i.number is not null`);
      if (rows.length === 0) return;
      const now = new Map(rows.map(({ number, content }) => [number, content]));
      for (const [number, content] of seen) {
        if (now.get(number) === content) continue;
        const detail = `${number} was ${content}, is ${now.get(number) ?? "gone"}`;
        history.violations.push({ check: "issued invoices stay", about: [], detail });
      }
      for (const [number, content] of now) seen.set(number, content);
    },
  };
}

/** The language of the worked cases, with what only random worlds do. */
import type { Sql } from "postgres";
import { insert } from "../cases/insert.ts";
import { type Clients, playStep } from "../cases/play.ts";
import type { Row, Step } from "../cases/world.ts";

type RareStep =
  | { readonly do: "retract"; readonly log: string }
  | { readonly do: "restate"; readonly log: string; readonly counts: Row }
  | { readonly do: "generate"; readonly key: string; readonly month: string; readonly at: string }
  | { readonly do: "default_client"; readonly key: string | null }
  | { readonly do: "map"; readonly model: string; readonly provider: string }
  | { readonly do: "meter"; readonly key: string; readonly row: Row }
  | {
    readonly do: "subscription";
    readonly key: string;
    readonly at: string;
    readonly says: Row;
  };
export type WorldStep = Step | RareStep;

/** A step that may be played, and what is true once it was accepted. */
export interface Plan {
  readonly owner: string | null;
  readonly step: (numberOf: (place: number) => number) => WorldStep;
  readonly accepted?: () => void;
}

export async function playWorldStep(sql: Sql, clients: Clients, step: WorldStep): Promise<void> {
  switch (step.do) {
    case "retract":
      await sql`select billing.retract_log(${step.log}, 'case')`;
      return;
    case "restate": {
      const counts = JSON.stringify(step.counts);
      await sql`select billing.correct_log(${step.log}, ${counts}::text::jsonb, 'case')`;
      return;
    }
    case "generate":
      await sql`
        select billing.generate_invoice(${idOf(clients, step.key)}, ${step.month}, ${step.at})`;
      return;
    case "default_client": {
      const id = step.key === null ? null : idOf(clients, step.key);
      await sql`update public.billing_settings set default_client_id = ${id}`;
      return;
    }
    case "map":
      await sql`
        update public.models set provider = ${step.provider} 
        where id = ${step.model} and provider is null`;
      return;
    case "meter":
      return await insert(sql, "stripe_meters", {
        client_id: idOf(clients, step.key),
        event_name: "used",
        ...step.row,
      });
    case "subscription": {
      const says = { ...step.says, metadata: { leveredge_client_id: idOf(clients, step.key) } };
      await sql`
        select billing.apply_stripe_subscription(${JSON.stringify(says)}::text::jsonb, ${step.at})`;
      return;
    }
    default:
      return await playStep(sql, clients, step);
  }
}

/** As a transaction of its own: later, changed terms would be asked about with other usage. */
export async function playAndCommit(sql: Sql, clients: Clients, step: WorldStep): Promise<void> {
  await playWorldStep(sql, clients, step);
  await sql`select _billing.fire_terms_triggers()`;
}

function idOf(clients: Clients, key: string): string {
  const id = clients.get(key);
  if (id === undefined) throw new Error(`the world has no client ${key}`);
  return id;
}

import { createClient } from "@supabase/supabase-js";
import type { Sql } from "postgres";
import { sha256Of } from "../../../shared/sha256.ts";
import { messageIdOf } from "../../../supabase/functions/deliver/outbound/mail/message.ts";
import type { Violation } from "../history.ts";
import type { Outside } from "../stage.ts";

export interface Delivery {
  readonly id: string;
  readonly kind: string;
  readonly dedupe_key: string;
  readonly state: string;
  readonly error: string | null;
  readonly name: string | null;
  readonly path: string | null;
  readonly sha256: string | null;
  readonly claims: number;
}

/** The sender's address as the platform sets it; Message-IDs are of its domain. */
const FROM = "LeverEdge Billing <billing@leveredge.test>";
/** Why a delivery may have been skipped. */
const MOOT = /void|uncollectible|nothing left to pay|nothing to collect|no e-mail address|paid/;

/** Keeps an account of claims, and of those that took what another worker still had. */
export async function watchClaims(sql: Sql): Promise<void> {
  await sql.unsafe(`
    create schema torture;
    create table torture.claims (delivery_id bigint not null, stolen boolean not null);
    create function torture.note_claim() returns trigger
    language plpgsql security definer as $$
    begin
      insert into torture.claims
      values (new.id, old.state = 'running' and old.due_at > clock_timestamp());
      return null;
    end $$;
    create trigger torture after update on public.deliveries for each row
      when (new.state = 'running' and new.lease is distinct from old.lease)
      execute function torture.note_claim();`).simple();
}

export async function readDeliveries(sql: Sql): Promise<Delivery[]> {
  return await sql<Delivery[]>`
    select d.id, d.kind, d.dedupe_key, d.state, d.last_error as error, c.name,
      d.details ->> 'path' as path, d.details ->> 'sha256' as sha256,
      (select count(*) from torture.claims x where x.delivery_id = d.id)::int as claims
    from public.deliveries d left join public.clients c on c.id = d.client_id order by d.id`;
}

/** Nobody took what another worker had leased; all is done or moot. */
export async function checkClaims(sql: Sql): Promise<Violation[]> {
  const stolen = await sql<{ id: string; kind: string; name: string | null }[]>`
    select d.id, d.kind, c.name from public.deliveries d left join public.clients c
      on c.id = d.client_id
    where d.id in (select delivery_id from torture.claims where stolen)`;
  return stolen.map(({ id, kind, name }) => ({
    check: "claims",
    about: [`client ${name}`],
    detail: `delivery ${id} (${kind}) was taken while another worker had it`,
  }));
}

/** Every delivery has an end, and a good one. */
export function checkEnds(deliveries: readonly Delivery[]): Violation[] {
  return deliveries.filter(({ state, error }) =>
    state !== "done" && !(state === "skipped" && MOOT.test(error ?? ""))
  ).map(({ id, kind, state, error, name }) => ({
    check: "deliveries",
    about: [`client ${name}`],
    detail: `delivery ${id} (${kind}) is ${state}: ${error}`,
  }));
}

/**
 * As the receivers see it: what is done has arrived, nothing has arrived more often than it was
 * tried, and nothing else has arrived. `arrived` holds keys, one per arrival.
 */
export function checkArrivals(
  kind: string,
  deliveries: readonly Delivery[],
  arrived: readonly string[],
  keyOf: (delivery: Delivery) => string,
): Violation[] {
  const counts = new Map<string, number>();
  for (const key of arrived) counts.set(key, (counts.get(key) ?? 0) + 1);
  const violations = deliveries.filter((one) => one.kind === kind).flatMap((one) => {
    const count = counts.get(keyOf(one)) ?? 0;
    counts.delete(keyOf(one));
    const wrong = one.state === "done" && count === 0 || count > one.claims;
    if (!wrong) return [];
    const detail =
      `${one.dedupe_key} is ${one.state}, arrived ${count} times in ${one.claims} tries`;
    return [{ check: `arrivals by ${kind}`, about: [`client ${one.name}`], detail }];
  });
  return violations.concat([...counts.keys()].map((key) => ({
    check: `arrivals by ${kind}`,
    about: [],
    detail: `${key} arrived and is no delivery`,
  })));
}

/** The stand-ins' and the store's side of it. */
export async function checkReceivers(
  sql: Sql,
  deliveries: readonly Delivery[],
  outside: Outside,
): Promise<Violation[]> {
  const { hermes, smtp } = outside;
  return [
    ...checkArrivals(
      "email",
      deliveries,
      smtp.received.map(({ messageId }) => (messageId ?? "").replace(/^<|>$/g, "")),
      ({ dedupe_key }) => messageIdOf(dedupe_key, FROM),
    ),
    ...checkArrivals(
      "hermes",
      deliveries,
      hermes.received.filter(({ status }) => status === "delivered").map(({ key }) => key ?? ""),
      ({ dedupe_key }) => dedupe_key,
    ),
    ...await checkFiles(sql, deliveries, outside),
  ];
}

/** Each archived document is one file with the digest that was noted; there are no others. */
async function checkFiles(
  sql: Sql,
  deliveries: readonly Delivery[],
  { platform }: Outside,
): Promise<Violation[]> {
  const complain = (detail: string) => ({ check: "files", about: [], detail });
  const rows = await sql<{ name: string }[]>`
    select name from storage.objects where bucket_id = 'invoices'`;
  const names = new Set(rows.map(({ name }) => name));
  const archived = deliveries.filter(({ kind, state }) => kind === "archive" && state === "done");
  const expected = new Set(archived.map(({ path }) => path));
  const violations = [...names].filter((name) => !expected.has(name))
    .map((name) => complain(`${name} is of no delivery`));
  if (expected.size !== archived.length) violations.push(complain("two deliveries share a file"));
  const bucket = createClient(platform.urls.api, platform.keys.secret, {
    auth: { persistSession: false },
  }).storage.from("invoices");
  for (const { path, sha256 } of archived) {
    // The connection that answers may be of the last kill.
    let { data, error } = await bucket.download(path ?? "");
    for (let left = 5; data === null && left > 0; left--) {
      ({ data, error } = await bucket.download(path ?? ""));
    }
    if (data === null) {
      violations.push(complain(`${path} cannot be read: ${error?.message}`));
      continue;
    }
    const digest = sha256Of(new Uint8Array(await data.arrayBuffer()));
    if (digest !== sha256) violations.push(complain(`${path} has digest ${digest}, not ${sha256}`));
  }
  return violations;
}

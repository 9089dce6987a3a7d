import { createHmac } from "node:crypto";
import { createClient } from "@supabase/supabase-js";
import postgres, { type Sql } from "postgres";
import { startPlatform } from "../platform/platform.ts";
import type { Platform } from "../platform/platform.ts";
import type { EngineName } from "../platform/postgres-engine.ts";
import { platformKeys } from "../platform/keys.ts";
import { startStripe } from "../standins/stripe/server.ts";
import { fullClient } from "../test/access/two-clients.ts";
import type { Knowledge } from "./attack.ts";
import { agentHeaders, type Callers, type Headers, userHeaders, userToken } from "./callers.ts";
import { forgedTokens } from "./forged.ts";

const KEY = "sk_test_attack";
const WEBHOOK_SECRET = "whsec_attack";

/** In the names of the victim's rows and nowhere else: where somebody is shown it, it leaked. */
export const CANARY = "Canary of the victim";

/** The platform under attack, the attackers' client, and the victim beside them. */
export interface AttackWorld {
  readonly api: string;
  readonly sql: Sql;
  readonly callers: Callers;
  readonly knowledge: Knowledge;
  readonly victim: Victim;
  /** Ids of what shows the victim's rows where it is no echo. */
  readonly secrets: readonly string[];
  /** What stands in the victim's file in the bucket of invoices. */
  readonly victimFile: () => Promise<string>;
  readonly functionLog: () => string[];
  stop(): Promise<void>;
}

/** Who must notice nothing: a client, its member, its agent and the events of its Stripe. */
export interface Victim {
  readonly id: string;
  readonly agent: string;
  /** Ids of its invoices that were issued before the attack. */
  readonly issued: readonly string[];
  readonly member: Headers;
  /** For ingest-usage, and for the Data API. */
  readonly keyed: Headers;
  readonly signed: Headers;
  readonly signWebhook: (body: string) => string;
}

export async function startAttackWorld(engine: EngineName): Promise<AttackWorld> {
  const stripe = startStripe({ secretKey: KEY });
  const most = "100000000";
  const platform = await startPlatform({
    engine,
    env: {
      STRIPE_API_KEY: KEY,
      STRIPE_API_BASE: stripe.url,
      STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
      // Otherwise nearly all that is asked would be answered by 429, and nothing else be tried.
      // `http/with-request` (250 requests of one member at once, refusals by address) and
      // `e2e/with-request` show the limits as they ship, and that they are fair.
      UNAUTHENTICATED_REQUESTS_PER_MINUTE: most,
      MEMBER_REQUESTS_PER_MINUTE: most,
      OPERATOR_REQUESTS_PER_MINUTE: most,
    },
  });
  const sql = postgres(platform.urls.database, { max: 4, onnotice: () => {} });
  const files = createClient(platform.urls.api, platformKeys.secret).storage.from("invoices");
  return {
    api: platform.urls.api,
    sql,
    ...await populate(platform, sql, files),
    functionLog: platform.functionLog,
    stop: async () => {
      await sql.end({ timeout: 5 });
      await platform.stop();
      await stripe.stop();
    },
  };
}

async function populate({ urls }: Platform, sql: Sql, files: Files) {
  const users = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()] as const;
  const [attacker, honest, outsider] = users;
  for (const id of users) {
    await sql`insert into auth.users (id, email) values (${id}, ${`${id}@example.com`})`;
  }
  const [mine, theirs] = [
    await fullClient(sql, attacker, "MALLORY", "admin"),
    await fullClient(sql, honest, "VICTIM"),
  ];
  await sql`
    update public.clients set name = ${CANARY}, external_id = ${`${CANARY}, outside`}
    where id = ${theirs.id}`;
  const mallory = {
    keyed: await agentHeaders(sql, "token", "MALLORY", mine.id),
    signed: await agentHeaders(sql, "jwt", "MALLORY", mine.id),
  };
  const ended = [
    await agentHeaders(sql, "token", "ENDED", theirs.id),
    await agentHeaders(sql, "jwt", "ENDED", theirs.id),
  ];
  for (const { id } of ended) await sql`select billing.revoke_agent_key(${id})`;
  const good = await userToken(attacker);
  const stored = await storeFiles(files, mine.id, theirs.id);
  const [ids, theirIds] = [await idsOf(sql, mine.id), await idsOf(sql, theirs.id)];
  const document = await (await fetch(`${urls.api}/functions/v1/billing/openapi.json`)).json();
  const agent = "HONEST";
  return {
    callers: {
      anon: {},
      member: userHeaders(good),
      outsider: userHeaders(await userToken(outsider)),
      keyed: mallory.keyed.headers,
      signed: mallory.signed.headers,
      agent: { apikey: platformKeys.agentSecret },
      cron: { apikey: platformKeys.cronSecret },
      operator: userHeaders(
        await userToken(crypto.randomUUID(), { app_metadata: { role: "operator" } }),
      ),
      service: { apikey: platformKeys.secret },
      forged: {},
    },
    knowledge: {
      document,
      ids: [...ids, attacker, mallory.keyed.id],
      allIds: [...ids, ...theirIds, attacker, honest],
      victim: [CANARY, theirs.id],
      ...await forgedTokens({ userId: honest, good, revoked: ended.map(({ key }) => key) }),
      staleSignature: (body: string) => signed(body, -400),
      ...stored,
      endedLinks: await endedLinks(sql, theirs.invoiceId),
    },
    victimFile: async () => (await (await files.download(stored.victimFile)).data?.text()) ?? "",
    victim: {
      id: theirs.id,
      agent,
      issued: await issuedOf(sql, theirs.id),
      member: userHeaders(await userToken(honest)),
      keyed: (await agentHeaders(sql, "token", agent, theirs.id)).headers,
      signed: (await agentHeaders(sql, "jwt", agent, theirs.id)).headers,
      signWebhook: (body: string) => signed(body, 0),
    },
    secrets: [CANARY, theirs.id, theirs.invoiceId],
  };
}

type Files = ReturnType<ReturnType<typeof createClient>["storage"]["from"]>;

/** A file of the attackers' client with a link to it, and one of the victim's. */
async function storeFiles(files: Files, mine: string, theirs: string) {
  const [ownFile, victimFile] = [`${mine}/INV-0-1.pdf`, `${theirs}/INV-0-2.pdf`];
  for (const [name, content] of [[ownFile, "own"], [victimFile, CANARY]] as const) {
    const { error } = await files.upload(name, new TextEncoder().encode(content), {
      contentType: "application/pdf",
    });
    if (error !== null) throw error;
  }
  const { data } = await files.createSignedUrl(ownFile, 6 * 3600);
  const fileToken = new URL(data?.signedUrl ?? "").searchParams.get("token");
  if (fileToken === null) throw new Error("no link to a file");
  return { ownFile, victimFile, fileToken };
}

/** Links to an invoice that no longer open it; one in force stays, whose token nobody knows. */
async function endedLinks(sql: Sql, invoice: string): Promise<string[]> {
  const make = async () => {
    const [link] = await sql<{ token: string }[]>`
      select token from billing.create_invoice_link(${invoice})`;
    return link?.token ?? "";
  };
  const ended = await make();
  await sql`select billing.end_invoice_links(${invoice})`;
  const expired = await make();
  await sql`
    update billing.invoice_links set created_at = now() - interval '2 days',
      expires_at = now() - interval '1 day' where invoice_id = ${invoice}`;
  await make();
  return [ended, expired];
}

async function issuedOf(sql: Sql, client: string): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select id from public.invoices where client_id = ${client} and status <> 'draft'`;
  return rows.map(({ id }) => id);
}

async function idsOf(sql: Sql, client: string): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select ${client} as id union all
    select id::text from public.invoices where client_id = ${client} union all
    select id::text from public.billing_config where client_id = ${client} union all
    select id::text from public.agent_assignments where client_id = ${client} union all
    select id::text from public.prices where client_id = ${client} union all
    (select id::text from public.agent_usage_logs where agent in (
      select agent from public.agent_assignments where client_id = ${client}) limit 3)`;
  return rows.map(({ id }) => id);
}

/** As Stripe signs, so many seconds from now. */
function signed(body: string, seconds: number): string {
  const at = Math.floor(Date.now() / 1000) + seconds;
  const signature = createHmac("sha256", WEBHOOK_SECRET).update(`${at}.${body}`).digest("hex");
  return `t=${at},v1=${signature}`;
}

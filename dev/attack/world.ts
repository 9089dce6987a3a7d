import { createHmac } from "node:crypto";
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
  readonly functionLog: () => string[];
  stop(): Promise<void>;
}

/** Who must notice nothing: a client, its member, its agent and the events of its Stripe. */
export interface Victim {
  readonly id: string;
  readonly agent: string;
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
      UNAUTHENTICATED_REQUESTS_PER_MINUTE: most,
      MEMBER_REQUESTS_PER_MINUTE: most,
      OPERATOR_REQUESTS_PER_MINUTE: most,
    },
  });
  const sql = postgres(platform.urls.database, { max: 3, onnotice: () => {} });
  return {
    api: platform.urls.api,
    sql,
    ...await populate(platform, sql),
    functionLog: platform.functionLog,
    stop: async () => {
      await sql.end({ timeout: 5 });
      await platform.stop();
      await stripe.stop();
    },
  };
}

async function populate({ urls }: Platform, sql: Sql) {
  const users = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()] as const;
  const [attacker, honest, stranger] = users;
  for (const id of users) {
    await sql`insert into auth.users (id, email) values (${id}, ${`${id}@example.com`})`;
  }
  const [mine, theirs] = [
    await fullClient(sql, attacker, "MALLORY"),
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
  const [ids, theirIds] = [await idsOf(sql, mine.id), await idsOf(sql, theirs.id)];
  const document = await (await fetch(`${urls.api}/functions/v1/billing/openapi.json`)).json();
  const agent = "HONEST";
  return {
    callers: {
      anon: {},
      member: userHeaders(good),
      stranger: userHeaders(await userToken(stranger)),
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
    },
    victim: {
      id: theirs.id,
      agent,
      member: userHeaders(await userToken(honest)),
      keyed: (await agentHeaders(sql, "token", agent, theirs.id)).headers,
      signed: (await agentHeaders(sql, "jwt", agent, theirs.id)).headers,
      signWebhook: (body: string) => signed(body, 0),
    },
    secrets: [CANARY, theirs.id, theirs.invoiceId],
  };
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

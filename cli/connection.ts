import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import {
  type BillingClient,
  billingClient,
  type CallResult,
  problemOf,
} from "../shared/client/billing-client.ts";
import type { Database } from "../shared/database.types.ts";
import type { Problem } from "../shared/errors.ts";
import { LOCAL_SECRET_KEY } from "./local-platform.ts";

const LOCAL = "http://127.0.0.1:54321";

/**
 * A client of the installation that the environment names (`SUPABASE_URL`, `SUPABASE_SECRET_KEY`),
 * else of the local platform: of the one that `running` tells of, on whatever port it had to take.
 * Throws where a URL comes without a key.
 */
export function connect(
  env: Readonly<Record<string, string | undefined>>,
  running: Readonly<Record<string, string | undefined>> = {},
): BillingClient {
  return billingClient(connectSupabase(env, running));
}

/** The same installation, for what the Data API alone offers. */
export function connectSupabase(
  env: Readonly<Record<string, string | undefined>>,
  running: Readonly<Record<string, string | undefined>> = {},
): SupabaseClient<Database> {
  const { url, key } = installation(env, running);
  return createClient<Database>(url, key, { auth: { persistSession: false } });
}

/**
 * Hands a long text of the API on as it comes, byte by byte as it is sent. Throws a `CommandProblem`
 * where the server refuses it, and an error where it breaks off.
 */
export async function download(
  { url, key }: { readonly url: string; readonly key: string },
  address: string,
  write: (bytes: Uint8Array) => void,
): Promise<void> {
  const response = await fetch(`${url}/functions/v1/${address}`, {
    headers: { apikey: key, authorization: `Bearer ${key}` },
  });
  if (!response.ok) throw new CommandProblem(await problemOf(response));
  for await (const bytes of response.body ?? []) write(bytes);
}

/** Where the installation is, and the key that opens it; as `connect` says. */
export function installation(
  env: Readonly<Record<string, string | undefined>>,
  running: Readonly<Record<string, string | undefined>> = {},
): { readonly url: string; readonly key: string } {
  const url = env.SUPABASE_URL ?? running.SUPABASE_URL ?? LOCAL;
  const isLocal = ["127.0.0.1", "localhost"].includes(new URL(url).hostname);
  const key = env.SUPABASE_SECRET_KEY ?? (isLocal ? LOCAL_SECRET_KEY : undefined);
  if (key === undefined) throw new Error(`SUPABASE_SECRET_KEY is not set; ${url} needs one`);
  return { url, key };
}

/** Ends a command with a problem of the server. */
export class CommandProblem extends Error {
  constructor(problem: Problem) {
    const where = problem.errors?.map(({ pointer, detail }) => `\n  ${pointer}: ${detail}`) ?? [];
    super(`${problem.detail ?? problem.title} [${problem.code}]${where.join("")}`);
  }
}

/** The data of a call. Throws a `CommandProblem` where there is none. */
export async function dataOf<Data>(
  call: Promise<CallResult<Data>>,
): Promise<Data> {
  const { data, error } = await call;
  if (error !== null) throw new CommandProblem(error);
  return data;
}

/** Every item of all pages. */
export async function allPages<Item>(
  read: (cursor: string | undefined) => Promise<
    { data: readonly Item[]; next_cursor: string | null }
  >,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    items.push(...page.data);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return items;
}

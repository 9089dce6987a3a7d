import { createClient } from "@supabase/supabase-js";
import type { Sql } from "postgres";

/** Users of the local platform's console. They are the same everywhere and open nothing else. */
export const OPERATOR = { email: "operator@example.com", password: "local-console" } as const;
export const CUSTOMER = { email: "customer@example.com", password: "local-console" } as const;

/** The project as its users reach it. */
interface Project {
  readonly url: string;
  readonly publishableKey: string;
}

/**
 * Makes the operator and the customer of a local platform ready. The customer sees `clientId`,
 * unless they see a client already: in a database that was kept.
 */
export async function readyUsers(
  sql: Sql,
  project: Project,
  clientId: string | null,
): Promise<void> {
  const operator = await signUp(sql, project, OPERATOR);
  const customer = await signUp(sql, project, CUSTOMER);
  await sql`
    update auth.users set raw_app_meta_data =
      coalesce(raw_app_meta_data::jsonb, '{}') || '{"role": "operator"}'
    where id = ${operator}`;
  if (clientId === null) return;
  await sql`
    insert into public.client_members (client_id, user_id, role)
    select ${clientId}, ${customer}, 'admin'
    where not exists (select from public.client_members where user_id = ${customer})`;
}

/** The id of the user with that email; the user signs up where there is none. */
export async function signUp(
  sql: Sql,
  { url, publishableKey }: Project,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<string> {
  const [known] = await sql<{ id: string }[]>`select id from auth.users where email = ${email}`;
  if (known !== undefined) return known.id;
  const client = createClient(url, publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
  });
  const { data, error } = await client.auth.signUp({ email, password });
  if (error !== null || data.user === null) throw new Error(`sign-up: ${error?.message}`);
  return data.user.id;
}

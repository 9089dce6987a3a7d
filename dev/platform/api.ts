import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout } from "node:timers/promises";
import { createTransport } from "nodemailer";
import { jwtVerify } from "jose";
import postgres from "postgres";
import { z } from "zod";
import { App } from "@supabase/lite";
import type { EmailMessage } from "@supabase/lite";
import { API_NAME, connectApi } from "./api-database.ts";
import { databaseErrorSchema, toPostgrestError } from "./api-errors.ts";
import type { DatabaseError } from "./api-errors.ts";
import { memoryStorage } from "./storage.ts";
import { asGoTrueToken, jwtSecret, platformKeys, roleOfKey } from "./keys.ts";

/** The Data API (`/rest/v1`), Auth (`/auth/v1`) and Storage (`/storage/v1`) over our PostgreSQL. */
export interface Api {
  fetch(request: Request): Promise<Response>;
  stop(): Promise<void>;
}

export interface ApiOptions {
  adminUrl: string;
  maxRows: number;
  /** Where Auth sends its mail, on the loopback address. */
  smtpPort: number;
  /** Where Storage keeps its files; in memory alone unless given. */
  filesDirectory?: string | undefined;
  /** Auth's `enable_confirmations`, off unless given: whether a user has to open a mailed link. */
  confirmsEmails?: boolean | undefined;
}

interface RequestState {
  databaseError?: DatabaseError;
}

/** Starts the API. It sees new tables and functions as PostgREST does: `notify pgrst`. */
export async function startApi(options: ApiOptions): Promise<Api> {
  const states = new AsyncLocalStorage<RequestState>();
  const restoreConsole = silenceInRequests(states);
  const files = memoryStorage(options.filesDirectory);
  const connect = () => {
    const connection = connectApi(options.adminUrl, () => {
      const state = states.getStore();
      if (state !== undefined) state.databaseError = SCHEMA_UNREAD;
    });
    connection.normalizeDbError = (error) => {
      const state = states.getStore();
      const parsed = databaseErrorSchema.safeParse(error);
      if (state !== undefined && parsed.success) state.databaseError = parsed.data;
      return error;
    };
    return connection;
  };
  let connection = connect();
  let app = createApp(connection, options, files);
  const sql = postgres(options.adminUrl, { max: 1, onnotice: () => {} });
  await sql.listen("pgrst", () => {
    void connection.clearSchemaCache();
    app = createApp(connection, options, files);
  });
  const replaceIdlePool = async () => {
    const stuck = connection;
    // Others who waited for it may have replaced it meanwhile.
    if (await isWorking(sql) || connection !== stuck) return;
    connection = connect();
    app = createApp(connection, options, files);
    await stuck.driver.end({ timeout: 0 });
  };
  return {
    fetch: (request) =>
      states.run({}, async () => {
        const watch = setInterval(() => void replaceIdlePool(), PATIENCE);
        const { pathname } = new URL(request.url);
        const { email } = options.confirmsEmails === true && pathname === "/auth/v1/otp"
          ? AskedLink.parse(await request.clone().json())
          : { email: null };
        const asked = new Date();
        const response = await Promise.resolve(app.fetch(request)).finally(() =>
          clearInterval(watch)
        );
        if (email !== null) await leaveUnconfirmed(sql, email, asked);
        const error = states.getStore()?.databaseError;
        if (pathname.startsWith("/auth/v1")) return completeTokens(response);
        if (pathname.startsWith("/storage/v1/object/sign/")) return nameLink(response);
        return error === undefined ? response : await correct(request, response, error);
      }),
    stop: async () => {
      restoreConsole();
      await sql.end({ timeout: 1 });
      await connection.close();
    },
  };
}

const AskedLink = z.object({ email: z.string() });

/**
 * The package confirms the user whom a request for a link makes; Auth does not before the link is
 * opened. There such a request is a sign-up with a password of its own (`MagicLink` in
 * internal/api/magic_link.go of supabase/auth), a sign-up is confirmed at once with
 * `Mailer.Autoconfirm` alone (`Signup` in signup.go), else by the link (`signupVerify` and
 * `recoverVerify` in verify.go).
 */
async function leaveUnconfirmed(sql: postgres.Sql, email: string, asked: Date): Promise<void> {
  await sql`
    update auth.users set email_confirmed_at = null
    where email = ${email.toLowerCase()} and created_at >= ${asked}`;
}

/** Milliseconds that a request waits for a connection, as PostgREST's pool lets it. */
const PATIENCE = 10_000;

/**
 * Whether the database does anything for the API. Where a request waits and it does not, the pool
 * is one whose connections were lost for ever when the server died: it has to be replaced.
 */
async function isWorking(sql: postgres.Sql): Promise<boolean> {
  for (const pause of [300, 300, 0]) {
    const [row] = await sql<{ working: boolean }[]>`
      select exists (select from pg_catalog.pg_stat_activity
        where application_name = ${API_NAME} and state <> 'idle') as working`
      .catch(() => [{ working: true }]);
    if (row?.working !== false) return true;
    await setTimeout(pause);
  }
  return false;
}

/** What PostgREST answers while it cannot read the schema. */
const SCHEMA_UNREAD: DatabaseError = {
  code: "PGRST002",
  message: "Could not query the database for the schema cache. Retrying.",
};

function createApp(
  connection: ReturnType<typeof connectApi>,
  options: ApiOptions,
  files: ReturnType<typeof memoryStorage>,
): App {
  const mail = createTransport({ host: "127.0.0.1", port: options.smtpPort });
  const send = async (message: EmailMessage) => {
    await mail.sendMail({ from: "auth@localhost", ...message });
  };
  const app = new App({
    connection,
    api: { max_rows: options.maxRows },
    auth: {
      enabled: true,
      jwt_secret: jwtSecret,
      email: { enable_confirmations: options.confirmsEmails === true },
    },
    storage: { enabled: true },
    options: {
      drivers: { email: { send } },
      server: {
        disableStudio: true,
        apiKeys: {
          resolver: async (key) => {
            const role = roleOfKey(key);
            // As a self-hosted gateway that was told of an agent's token.
            if (role === undefined) return await agentsToken(key);
            const type = role === "anon" ? "publishable" : "secret";
            return { type, claims: { role } };
          },
        },
      },
    },
  });
  app._storageAdapter = files;
  return app;
}

/** A token of role `billing_agent` as an API key; null for any other text. */
async function agentsToken(key: string) {
  try {
    const secret = new TextEncoder().encode(jwtSecret);
    const { payload } = await jwtVerify(key, secret, { algorithms: ["HS256"] });
    if (payload.role !== "billing_agent") return null;
    return { type: "publishable" as const, claims: { ...payload, role: "billing_agent" } };
  } catch {
    return null;
  }
}

/**
 * The package knows some SQLSTATEs only and answers the others, P0001 and 23514 among them, with
 * 500 and code `SUP`. Those are answered as PostgREST does.
 */
async function correct(
  request: Request,
  response: Response,
  error: DatabaseError,
): Promise<Response> {
  if (response.status < 500) return response;
  await response.body?.cancel();
  const anonymous = request.headers.get("apikey") === platformKeys.publishable &&
    !request.headers.get("authorization")?.includes(".");
  const { status, body } = toPostgrestError(error, anonymous);
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  return Response.json(body, { status, headers });
}

const AuthAnswer = z.object({ user: z.object({ app_metadata: z.unknown() }) });

/** Tokens from Auth carry no key name and no app_metadata, as GoTrue's do. */
async function completeTokens(response: Response): Promise<Response> {
  const place = response.headers.get("location");
  if (place !== null) {
    // Where a link of a mail leads: the token stands behind the `#`.
    const headers = new Headers(response.headers);
    headers.set(
      "location",
      place.replace(
        /([#&]access_token=)([\w-]+\.[\w-]+\.[\w-]+)/,
        (_, before: string, token: string) => before + asGoTrueToken(token, undefined),
      ),
    );
    return new Response(response.body, { status: response.status, headers });
  }
  if (!response.headers.get("content-type")?.includes("json")) return response;
  const text = await response.text();
  const appMetadata = AuthAnswer.safeParse(parsed(text)).data?.user.app_metadata;
  const named = text.replace(
    /("access_token"\s*:\s*")([\w-]+\.[\w-]+\.[\w-]+)(")/g,
    (_, before: string, token: string, after: string) =>
      before + asGoTrueToken(token, appMetadata) + after,
  );
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  return new Response(named, { status: response.status, headers });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Storage's name for a signed link, and its path as hosted Storage gives it: from `/object`. */
async function nameLink(response: Response): Promise<Response> {
  if (!response.headers.get("content-type")?.includes("json")) return response;
  const body = z.object({ signedUrl: z.string() }).safeParse(await response.clone().json());
  if (!body.success) return response;
  await response.body?.cancel();
  return Response.json({ signedURL: body.data.signedUrl.replace("/storage/v1", "") });
}

/** The package prints every database error, also those the client is told of. */
function silenceInRequests(states: AsyncLocalStorage<RequestState>): () => void {
  const print = console.error;
  console.error = (...values: unknown[]) => {
    if (states.getStore() === undefined) print(...values);
  };
  return () => {
    console.error = print;
  };
}

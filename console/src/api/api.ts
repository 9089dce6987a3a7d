import { FunctionsClient } from "@supabase/functions-js";
import { z } from "zod";
import {
  type BillingClient,
  billingClient,
  type CallResult,
} from "../../../shared/client/billing-client.ts";
import { problem } from "../../../shared/errors.ts";
import type { Auth } from "../session/auth.ts";
import type { Connection } from "../session/connection.ts";
import { ENGLISH } from "../words/english.ts";
import { sharedReads } from "./shared-reads.ts";

/** What pages ask the project, always with the signed-in user's token. */
export interface Api {
  readonly billing: BillingClient;
  /** The invoice as a page, as its archive has it. */
  invoiceHtml(invoiceId: string): Promise<CallResult<string>>;
  /** The invoice as a PDF. */
  invoicePdf(invoiceId: string): Promise<CallResult<Blob>>;
  /** Mails a person a link to this console; makes an account where there is none. */
  invite(email: string): Promise<CallResult<null>>;
  /** Rows of a table of the Data API. */
  rows<Row extends z.ZodType>(
    table: string,
    row: Row,
    search: URLSearchParams,
  ): Promise<CallResult<z.output<Row>[]>>;
}

const Page = z.object({ html: z.string() });

export function apiOn(connection: Connection, auth: Auth): Api {
  const signed = signedFetch(connection, auth);
  const functions = new FunctionsClient(`${connection.url}/functions/v1`, { customFetch: signed });
  const render = async <T>(
    query: Readonly<Record<string, string>>,
    read: (data: unknown) => T | null,
  ): Promise<CallResult<T>> => {
    const path = `render-invoice?${new URLSearchParams(query)}`;
    const { data, error } = await functions.invoke(path, { method: "GET" });
    const value = error === null ? read(data) : null;
    return value === null
      ? { data: null, error: problem("unreachable", "the document did not arrive") }
      : { data: value, error: null };
  };
  return {
    billing: billingClient({ functions }),
    invoiceHtml: (invoice_id) =>
      render({ invoice_id, format: "html" }, (data) => Page.safeParse(data).data?.html ?? null),
    invoicePdf: (invoice_id) =>
      render({ invoice_id, format: "pdf" }, (data) => data instanceof Blob ? data : null),
    invite: async (email) => {
      const said = await auth.sendLink(email, true);
      return said === null
        ? { data: null, error: null }
        : { data: null, error: problem("unreachable", ENGLISH[said]) };
    },
    rows: async (table, row, search) => {
      const answer = await signed(`${connection.url}/rest/v1/${table}?${search}`).catch(() => null);
      if (answer === null) return { data: null, error: problem("unreachable") };
      if (!answer.ok) {
        return {
          data: null,
          error: problem("unreachable", `the server answered ${answer.status}`),
        };
      }
      return { data: z.array(row).parse(await answer.json()), error: null };
    },
  };
}

/** What the project answers to everybody: no session is used. */
export function billingOfEverybody({ url, publishableKey }: Connection): BillingClient {
  const headers = { apikey: publishableKey };
  return billingClient({ functions: new FunctionsClient(`${url}/functions/v1`, { headers }) });
}

/** `fetch` with the user's token. Without one the server is not asked: it would only refuse. */
function signedFetch({ publishableKey }: Connection, auth: Auth): typeof fetch {
  const reads = sharedReads();
  return async (input, init) => {
    const token = await auth.token();
    if (token === null) return new Response(null, { status: 401 });
    const headers = new Headers(init?.headers);
    headers.set("apikey", publishableKey);
    headers.set("authorization", `Bearer ${token}`);
    const ask = () => fetch(input, { ...init, headers });
    const answer = (init?.method ?? "GET") === "GET" && typeof input === "string"
      ? await reads.read(`${token} ${input}`, ask)
      : await reads.write(ask);
    // A token that the server no longer takes ends the session here, too.
    if (answer.status === 401) await auth.signOut();
    return answer;
  };
}

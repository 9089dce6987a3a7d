import { z } from "zod";
import { ROUTES } from "../../shared/api/routes.ts";
import { ENDPOINTS, FUNCTIONS } from "../test/access/matrix.ts";
import type { Attack } from "./attack.ts";
import { type CallerName, STAFF } from "./callers.ts";

const Problem = z.looseObject({
  type: z.string().startsWith("urn:leveredge:problem:"),
  code: z.string(),
  status: z.int(),
});

/** What an attack was answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** 5xx or no answer, something let in, something shown, an answer that is not of its form. */
export type WrongKind = "failure" | "accepted" | "shown" | "form";

export interface Wrong {
  readonly kind: WrongKind;
  readonly what: string;
}

/** What is wrong with an answer; null where nothing is. `secrets` are shown to nobody but staff. */
export function judge(attack: Attack, answer: Answer, secrets: readonly string[]): Wrong | null {
  const { status, headers, text } = answer;
  const ours = isFunction(attack.path);
  if (attack.path.startsWith("/rest/v1/") && status >= 500 && isOfOurSql(text)) {
    return { kind: "failure", what: `the database answered ${status}: ${text.slice(0, 200)}` };
  }
  if (ours && status >= 500 && !(status === 503 && headers.has("retry-after"))) {
    return { kind: "failure", what: `answered ${status}: ${text.slice(0, 200)}` };
  }
  if (ours && /\bat \S+ \(|\.ts:\d+|PostgresError|node_modules/.test(text)) {
    return { kind: "shown", what: `shows its inside: ${text.slice(0, 200)}` };
  }
  if (ours && status >= 400 && attack.method !== "HEAD" && !isProblem(answer)) {
    return { kind: "form", what: `no problem: ${status} ${text.slice(0, 200)}` };
  }
  if ((status < 300 || status === 304) && !mayDo(attack, text)) {
    return { kind: "accepted", what: `accepted: ${status} ${text.slice(0, 200)}` };
  }
  if (STAFF.includes(attack.caller)) return null;
  const leaked = secrets.find((secret) => text.includes(secret) && !isEcho(attack, secret));
  return leaked === undefined
    ? null
    : { kind: "shown", what: `shows ${leaked}: ${text.slice(0, 200)}` };
}

const DataApiError = z.looseObject({ code: z.string() });

/**
 * Whether a failure of the Data API comes from our triggers, policies and functions. The API is a
 * stand-in: a failure of its own has no SQLSTATE, and a lack of resources (classes 08, 53, 57) is
 * not of our making.
 */
function isOfOurSql(text: string): boolean {
  const error = DataApiError.safeParse(parsed(text));
  return error.success && /^(XX|22|42|2D|38|39|3B|54|P0)...$/.test(error.data.code);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Dots are resolved before a request is sent: `billing/..` is no function of ours. */
function isFunction(path: string): boolean {
  const { pathname } = new URL(path, "http://api.test");
  return new RegExp(
    `^/functions/v1/(billing|ingest-usage|${Object.keys(FUNCTIONS).join("|")})(/|$)`,
  ).test(pathname);
}

function isProblem({ status, headers, text }: Answer): boolean {
  if (headers.get("content-type") !== "application/problem+json") return false;
  const problem = Problem.safeParse(JSON.parse(text));
  return problem.success && problem.data.status === status;
}

/** Whether the caller may do at all what it was let do. */
function mayDo({ caller, method, path }: Attack, text: string): boolean {
  if (method === "OPTIONS") return true;
  const { pathname } = new URL(path, "http://api.test");
  // Storage answers a list of what the caller may see; nothing of it is for attackers.
  if (pathname.startsWith("/storage/v1/")) return STAFF.includes(caller) || text === "[]";
  if (pathname.startsWith("/rest/v1/")) return mayUseDataApi(caller, method, pathname);
  if (!pathname.startsWith("/functions/v1/")) return caller !== "forged";
  const kind = caller === "outsider" ? "member" : caller;
  const below = pathname.slice("/functions/v1".length);
  const route = ROUTES.find((one) =>
    one.method === (method === "HEAD" ? "GET" : method) &&
    new RegExp(`^${one.path.replaceAll(/\{\w+\}/g, "[^/]+").replaceAll(".", "\\.")}$`).test(below)
  );
  const allowed = route === undefined
    ? FUNCTIONS[below.slice(1).split("/")[0] ?? ""]
    : ENDPOINTS[route.id];
  // Webhooks are let in by their signature, links by their token: no attack has one in force.
  const byItself = below === "/stripe-webhook" || below.startsWith("/billing/invoice-links/");
  return !byItself && (allowed?.includes(kind) ?? false);
}

function mayUseDataApi(caller: CallerName, method: string, pathname: string): boolean {
  if (STAFF.includes(caller)) return true;
  if (caller === "signed") return method === "POST" && pathname.endsWith("/agent_usage_logs");
  return ["member", "outsider"].includes(caller) && ["GET", "HEAD"].includes(method);
}

/** What a caller says itself is no secret. */
function isEcho({ path, body }: Attack, secret: string): boolean {
  return decoded(path).includes(secret) ||
    (typeof body === "string" && body.includes(secret));
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

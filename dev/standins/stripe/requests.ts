import { StripeFailure } from "./errors.ts";
import { decodeForm, type Form } from "./form.ts";
import { refusalOf } from "./permissions.ts";
import type { State } from "./state.ts";

/** Something that goes wrong with the next requests whose `METHOD /path` begins so. */
export interface Fault {
  readonly request: string;
  /**
   * `403` (a restricted key without the permission), `429` and `500` before anything is done;
   * `lost` does the work, then the connection breaks; `500-after` does the work, then answers 500
   * (and the same again to the same key).
   */
  readonly kind: "403" | "429" | "500" | "lost" | "500-after";
  times: number;
}

/** A request as it was made, for tests that ask what was sent. */
export interface SeenRequest {
  readonly request: string;
  readonly status: number;
  readonly idempotencyKey: string | null;
  readonly params: Form;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A request whose body has been read. */
interface Asked {
  readonly method: string;
  readonly path: string;
  /** `METHOD /path`. */
  readonly name: string;
  readonly authorization: string | null;
  readonly idempotencyKey: string | null;
  readonly params: Form;
  /** By which a request is the same as another of its key. */
  readonly print: string;
}

/** Reads requests, refuses and remembers them as Stripe does, and goes wrong on demand. */
export function requestHandler(
  options: { readonly secretKey: string; readonly delay?: number },
  state: State,
  answer: (method: string, path: string, form: Form) => unknown,
) {
  /** How long each answer takes besides. */
  const slowness = { milliseconds: options.delay ?? 0 };
  const faults: Fault[] = [];
  const seen: SeenRequest[] = [];
  const remembered = new Map<string, Answer & { readonly print: string }>();
  let granted: readonly string[] | null = null;

  const refusal = ({ authorization, method, path }: Asked): StripeFailure | null => {
    if (authorization !== `Bearer ${options.secretKey}`) {
      return new StripeFailure(401, "invalid_request_error", "Invalid API Key");
    }
    return granted === null ? null : refusalOf(method, path, options.secretKey, granted);
  };
  const work = ({ method, path, params, idempotencyKey, print }: Asked, failsAfter: boolean) => {
    state.requestKey = idempotencyKey;
    const result = run(() => answer(method, path, params));
    state.requestKey = null;
    const told = failsAfter
      ? failed(new StripeFailure(500, "api_error", "Something broke after the work."))
      : result;
    // As at Stripe: what never began (a refused parameter) does not use the key up.
    if (idempotencyKey !== null && method === "POST" && told.status !== 400) {
      remembered.set(idempotencyKey, { ...told, print });
    }
    return told;
  };
  const handle = async (request: Request): Promise<Response> => {
    const { milliseconds } = slowness;
    if (milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, milliseconds));
    const asked = await readRequest(request);
    const { name, idempotencyKey, params } = asked;
    const see = (status: number) => seen.push({ request: name, status, idempotencyKey, params });
    const reply = (result: Answer, replayed = false) => {
      see(result.status);
      return respond(result, idempotencyKey, replayed, state.id("req"));
    };
    const refused = refusal(asked);
    if (refused !== null) return reply(failed(refused));
    const fault = takeFault(faults, name);
    const known = idempotencyKey === null ? undefined : remembered.get(idempotencyKey);
    const failure = failureOf(fault) ?? (known && known.print !== asked.print ? otherUse() : null);
    if (failure !== null) return reply(failed(failure));
    if (known !== undefined) return reply(known, true);
    const result = work(asked, fault === "500-after");
    if (fault !== "lost") return reply(result);
    see(0);
    return lostAnswer();
  };
  return {
    handle,
    slowness,
    faults,
    seen,
    /** From now on the key is a restricted one that has these permissions. */
    grantOnly: (permissions: readonly string[]) => {
      granted = permissions;
    },
  };
}

async function readRequest(request: Request): Promise<Asked> {
  const { pathname: path, search } = new URL(request.url);
  const text = request.method === "POST" ? await request.text() : search.slice(1);
  const name = `${request.method} ${path}`;
  return {
    method: request.method,
    path,
    name,
    authorization: request.headers.get("authorization"),
    idempotencyKey: request.headers.get("idempotency-key"),
    params: decodeForm(text),
    print: `${name}?${text}`,
  };
}

/** The failure of a fault that strikes before anything is done. */
function failureOf(fault: Fault["kind"] | undefined): StripeFailure | null {
  switch (fault) {
    // docs.stripe.com/keys#limit-access
    case "403":
      return new StripeFailure(
        403,
        "invalid_request_error",
        "The provided key does not have the required permissions for this endpoint.",
      );
    // docs.stripe.com/rate-limits: nothing is done, and no header says when to come back;
    // docs.stripe.com/error-low-level has no `Stripe-Should-Retry` for it.
    case "429":
      return new StripeFailure(429, "invalid_request_error", "Too many requests", {
        code: "rate_limit",
      });
    case "500":
      return new StripeFailure(500, "api_error", "Sorry.");
    default:
      return null;
  }
}

function otherUse(): StripeFailure {
  return new StripeFailure(
    400,
    "idempotency_error",
    "Keys for idempotent requests can only be used with the same parameters they were first used " +
      "with.",
  );
}

/** What a piece of work answers, also where it fails as Stripe does. */
export function run(work: () => unknown): Answer {
  try {
    return { status: 200, body: work() };
  } catch (error) {
    if (error instanceof StripeFailure) return failed(error);
    throw error;
  }
}

function failed(failure: StripeFailure): Answer {
  return { status: failure.status, body: failure.body() };
}

function takeFault(faults: Fault[], request: string): Fault["kind"] | undefined {
  const fault = faults.find((one) => one.times > 0 && request.startsWith(one.request));
  if (fault === undefined) return undefined;
  fault.times -= 1;
  return fault.kind;
}

function respond({ status, body }: Answer, key: string | null, replayed: boolean, id: string) {
  return Response.json(body, {
    status,
    headers: {
      "request-id": id,
      ...(key === null ? {} : { "idempotency-key": key }),
      ...(replayed ? { "idempotent-replayed": "true" } : {}),
    },
  });
}

/** The head of an answer and then a broken connection. */
function lostAnswer(): Response {
  return new Response(
    new ReadableStream({
      start: (controller) => controller.error(new Error("connection lost")),
    }),
    { headers: { "content-type": "application/json" } },
  );
}

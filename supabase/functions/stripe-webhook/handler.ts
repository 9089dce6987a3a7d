import type Stripe from "stripe";
import { problem, problemResponse } from "../../../shared/errors.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { readSignedText } from "../_shared/http/read-body.ts";
import { identifyCaller, startWork } from "../_shared/http/request-limits.ts";
import { databaseProblem, internalError } from "../_shared/postgres/problem.ts";
import type { StripeStore } from "../_shared/stripe/store.ts";
import { refuseHeader, verifyWebhook } from "./verify.ts";

/** What the handler is given from outside. */
export interface WebhookPorts {
  /** Undefined when Stripe is off. */
  readonly connection: {
    readonly stripe: Pick<Stripe, "webhooks">;
    readonly store: Pick<StripeStore, "livemode" | "receiveEvent">;
    readonly now: () => Date;
  } | undefined;
  readonly secrets: readonly string[];
  /** Acts on what is stored and due. */
  readonly processEvents: () => Promise<void>;
  /** Keeps the worker alive for what goes on after the answer. */
  readonly inBackground: (work: Promise<unknown>) => void;
  readonly reportError: (error: unknown) => void;
}

/** More than any event is: the lists inside are cut at ten. Bytes. */
const MOST_BYTES = 1024 * 1024;

/**
 * Stores a signed event and answers at once; acting on it comes after the answer. Answers other than
 * 200 make Stripe send it again, for three days.
 */
export async function handleWebhook(request: Request, ports: WebhookPorts): Promise<Response> {
  if (request.method !== "POST") {
    return problemResponse(problem("method_not_allowed", "use POST"), { allow: "POST" });
  }
  if (ports.connection === undefined) return problemResponse(problem("stripe_off"));
  const { stripe, store, now } = ports.connection;
  try {
    const header = request.headers.get("stripe-signature") ?? "";
    const reason = refuseHeader(header, ports.secrets, now());
    if (reason !== null) return problemResponse(problem("signature_invalid", reason));
    const body = await readSignedText(request, MOST_BYTES);
    if (body === null) return problemResponse(problem("too_large"));
    const verified = verifyWebhook(body, header, ports.secrets, stripe, now());
    if (verified.kind === "refused") {
      return problemResponse(problem("signature_invalid", verified.reason));
    }
    identifyCaller({ class: "stripe", name: "stripe" });
    await startWork();
    const { livemode } = verified.event;
    if (livemode !== store.livemode) {
      const [theirs, ours] = livemode ? ["live", "test"] : ["test", "live"];
      return problemResponse(problem(
        "stripe_mode_mismatch",
        `the event is of ${theirs} mode, STRIPE_API_KEY of ${ours} mode`,
      ));
    }
    const isNew = await store.receiveEvent(body);
    if (isNew) ports.inBackground(ports.processEvents().catch(ports.reportError));
    return Response.json({ received: true, duplicate: !isNew });
  } catch (error) {
    if (error instanceof ProblemError) return problemResponse(error.problem);
    ports.reportError(error);
    // Text that no database stores will not be stored the next time either.
    const known = databaseProblem(error);
    return problemResponse(known?.code === "bad_request" ? known : internalError(error));
  }
}

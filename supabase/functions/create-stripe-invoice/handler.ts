import { z } from "zod";
import { errorDetails, problem, problemResponse } from "../../../shared/errors.ts";
import { readQuestion } from "../_shared/http/read-body.ts";
import { internalError } from "../_shared/postgres/problem.ts";
import { noteInvoice } from "../_shared/log/request-context.ts";
import type { DeliveryOutcome } from "../_shared/outbound/outcome.ts";
import type { CustomerSync } from "../_shared/stripe/customers.ts";

/** What the handler is given from outside; both undefined when Stripe is off. */
export interface CreatePorts {
  readonly deliver: ((invoiceId: string) => Promise<DeliveryOutcome>) | undefined;
  readonly sync: (() => Promise<CustomerSync>) | undefined;
  readonly reportError: (error: unknown) => void;
}

/** One invoice to bring to Stripe, or all customers. */
export const CreateRequest = z.union([
  z.strictObject({ invoice_id: z.uuid() }),
  z.strictObject({ sync: z.literal("customers") }),
]);

/**
 * `POST {invoice_id}`: 200 with the outcome (`done` with Stripe's id and the pay link, `skipped`
 * with the reason), 409 when Stripe's total differs or Stripe refuses it, 503 when it is to be tried
 * again. `POST {sync: "customers"}`: 200 with how many were brought into step and what failed.
 */
export async function handleCreate(request: Request, ports: CreatePorts): Promise<Response> {
  if (request.method !== "POST") {
    return problemResponse(problem("method_not_allowed", "use POST"), { allow: "POST" });
  }
  if (ports.deliver === undefined || ports.sync === undefined) {
    return problemResponse(problem("stripe_off"));
  }
  const asked = await readQuestion(request);
  if ("problem" in asked) return problemResponse(asked.problem);
  const question = CreateRequest.safeParse(asked.value);
  if (!question.success) {
    return problemResponse(
      problem("bad_request", undefined, errorDetails(question.error.issues)),
    );
  }
  try {
    if ("sync" in question.data) return Response.json(await ports.sync());
    noteInvoice(question.data.invoice_id);
    return answer(await ports.deliver(question.data.invoice_id));
  } catch (error) {
    ports.reportError(error);
    return problemResponse(internalError(error));
  }
}

function answer(outcome: DeliveryOutcome): Response {
  switch (outcome.kind) {
    case "done":
    case "skipped":
      return Response.json(outcome);
    case "dead":
      return problemResponse(problem("stripe_refused", outcome.error));
    case "retry":
      return problemResponse(
        problem("stripe_unavailable", outcome.error),
        { "retry-after": String(outcome.retryAfterSeconds ?? 30) },
      );
  }
}

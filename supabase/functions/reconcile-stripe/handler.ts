import { z } from "zod";
import { errorDetails, problem, problemResponse } from "../../../shared/errors.ts";
import { readQuestion } from "../_shared/http/read-body.ts";
import { internalError } from "../_shared/postgres/problem.ts";
import type { MeterReport } from "./meters.ts";
import type { OutboxReport } from "./outbox.ts";
import type { Reconciliation } from "./reconcile.ts";

/** What the handler is given from outside; all undefined when Stripe is off. */
export interface ReconcilePorts {
  readonly reconcile: ((days: number) => Promise<Reconciliation>) | undefined;
  readonly tell: (() => Promise<OutboxReport>) | undefined;
  readonly meter: (() => Promise<MeterReport>) | undefined;
  readonly reportError: (error: unknown) => void;
}

/**
 * How far back to compare; Stripe keeps events for thirty days. `only: "outbox"` just tells of
 * voids, credits and payments elsewhere, `only: "meters"` of usage.
 */
export const ReconcileRequest = z.strictObject({
  days: z.int().min(1).max(365).default(30),
  only: z.enum(["outbox", "meters"]).optional(),
});

/** `POST`, body optional: answers with the differences found and those that are left. */
export async function handleReconcile(request: Request, ports: ReconcilePorts): Promise<Response> {
  if (request.method !== "POST") {
    return problemResponse(problem("method_not_allowed", "use POST"), { allow: "POST" });
  }
  const { reconcile, tell, meter } = ports;
  if (reconcile === undefined || tell === undefined || meter === undefined) {
    return problemResponse(problem("stripe_off"));
  }
  const asked = await readQuestion(request);
  if ("problem" in asked) return problemResponse(asked.problem);
  const question = ReconcileRequest.safeParse(asked.value);
  if (!question.success) {
    return problemResponse(
      problem("bad_request", undefined, errorDetails(question.error.issues)),
    );
  }
  try {
    const { days, only } = question.data;
    const work = { outbox: tell, meters: meter, all: () => reconcile(days) }[only ?? "all"];
    return Response.json(await work());
  } catch (error) {
    ports.reportError(error);
    return problemResponse(internalError(error));
  }
}

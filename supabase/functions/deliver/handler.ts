import { problem, problemResponse } from "../../../shared/errors.ts";
import { ProblemError } from "../_shared/http/problem.ts";
import { ignoreBody } from "../_shared/http/read-body.ts";
import { internalError } from "../_shared/postgres/problem.ts";
import type { DeliveryOverview } from "./overview.ts";
import type { WorkerSummary } from "./worker.ts";

/** What the handler is given from outside. */
export interface DeliverPorts {
  /** Works through what is due, within the limits of one request. */
  readonly work: () => Promise<WorkerSummary>;
  /** What is left to do, and the report of the last run. */
  readonly overview: () => Promise<DeliveryOverview>;
  /** Told of every internalError, which the caller sees as a bare 500. */
  readonly reportError: (error: unknown) => void;
}

/**
 * `POST` works and answers how many deliveries ended in which state and whether there is more.
 * `GET` answers what is pending and dead, and the last run's report. Neither takes a body.
 */
export async function handleDeliver(request: Request, ports: DeliverPorts): Promise<Response> {
  try {
    await ignoreBody(request);
    if (request.method === "POST") return Response.json(await ports.work());
    if (request.method === "GET") return Response.json(await ports.overview());
    return problemResponse(problem("method_not_allowed", "use GET or POST"), {
      allow: "GET, POST",
    });
  } catch (error) {
    if (error instanceof ProblemError) return problemResponse(error.problem);
    ports.reportError(error);
    return problemResponse(internalError(error));
  }
}

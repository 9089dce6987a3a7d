import { problem, problemResponse } from "../../../shared/errors.ts";
import type { WorkerSummary } from "../_shared/deliveries/worker.ts";

/** What the handler is given from outside. */
export interface DeliverPorts {
  /** Works through what is due, within the limits of one request. */
  readonly work: () => Promise<WorkerSummary>;
  /** Told of every surprise, which the caller sees as a bare 500. */
  readonly reportError: (error: unknown) => void;
}

/** `POST`, no body: answers how many deliveries ended in which state, and whether there is more. */
export async function handleDeliver(request: Request, ports: DeliverPorts): Promise<Response> {
  if (request.method !== "POST") {
    return problemResponse(problem("method_not_allowed", "use POST"), { allow: "POST" });
  }
  try {
    await request.body?.cancel();
    return Response.json(await ports.work());
  } catch (error) {
    ports.reportError(error);
    return problemResponse(problem("internal"));
  }
}

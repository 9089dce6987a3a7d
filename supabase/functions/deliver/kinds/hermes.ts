import { z } from "zod";
import type { NotifyHermes } from "../outbound/hermes.ts";
import type { DeliveryJob } from "../types.ts";
import type { DeliveryOutcome } from "../../_shared/outbound/outcome.ts";

const payload = z.object({
  message: z.string(),
  priority: z.enum(["low", "normal", "high", "critical"]).default("normal"),
});

/** Sends the message that was written when the delivery was queued. */
export async function deliverNotification(
  job: DeliveryJob,
  notify: NotifyHermes,
): Promise<DeliveryOutcome> {
  const parsed = payload.safeParse(job.payload);
  if (!parsed.success) return { kind: "dead", error: `payload: ${z.prettifyError(parsed.error)}` };
  const answer = await notify({ ...parsed.data, key: job.dedupe_key });
  if (answer.kind !== "delivered") return answer;
  return { kind: "done", externalId: answer.notificationId };
}

import { z } from "zod";
import { plainMessage } from "../../../../shared/document/text.ts";
import { hermesNotifier, type NotifyHermes } from "../outbound/hermes.ts";
import type { DeliveryKindModule } from "../kind.ts";
import type { DeliveryJob } from "../types.ts";
import type { DeliveryOutcome } from "../../_shared/outbound/outcome.ts";

export const kind: DeliveryKindModule = {
  portion: 8,
  open: ({ environment: { HERMES_URL, HERMES_CHANNEL } }) => {
    if (HERMES_URL === undefined) return { off: "HERMES is off: HERMES_URL is not set" };
    const notify = hermesNotifier({ url: HERMES_URL, channel: HERMES_CHANNEL });
    return { handler: (job) => deliverNotification(job, notify) };
  },
};

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
  const { message, priority } = parsed.data;
  const answer = await notify({ message: plainMessage(message), priority, key: job.dedupe_key });
  if (answer.kind !== "delivered") return answer;
  return { kind: "done", externalId: answer.notificationId };
}

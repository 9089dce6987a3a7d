import { z } from "zod";
import { jsonOrNull, postJson, retryAfter } from "./answer.ts";
import { cutText, MESSAGE_CHARACTERS, TELEGRAM_CHARACTERS } from "./cut-text.ts";

/**
 * Milliseconds that HERMES has to answer. It may need 15 s to reach its channel; to give up earlier
 * would be to send the notification twice.
 */
const TIMEOUT_MS = 20_000;

/** What HERMES is asked to pass on; `key` is the same whenever the same thing is sent again. */
export interface Notification {
  readonly message: string;
  readonly priority: "low" | "normal" | "high" | "critical";
  readonly key: string;
}

/** Whether it was delivered; `retry` and `dead` as for deliveries. Rejects only on an internal error. */
export type NotifyHermes = (notification: Notification) => Promise<
  | { readonly kind: "delivered"; readonly notificationId: string }
  | { readonly kind: "retry"; readonly error: string; readonly retryAfterSeconds?: number }
  | { readonly kind: "dead"; readonly error: string }
>;

const answerSchema = z.object({
  notification_id: z.string(),
  status: z.enum(["delivered", "failed"]),
  error: z.string().optional().catch(undefined),
});

/**
 * `POST {url}/notify`. A 200 that says `failed` is a failure; so is no answer in time. HERMES
 * refuses a request for good with a 4xx, but for those that mean "later" (408, 425, 429). The key
 * goes along as `Idempotency-Key`, for receivers that care. The text is escaped for the channel.
 */
export function hermesNotifier(
  { url, channel }: { readonly url: string; readonly channel: string },
): NotifyHermes {
  return async ({ message, priority, key }) => {
    const answered = await postJson(
      `${url.replace(/\/+$/, "")}/notify`,
      { "idempotency-key": key },
      {
        message: channel === "telegram"
          ? telegramHtml(message)
          : cutText(message, MESSAGE_CHARACTERS),
        priority,
        channel,
      },
      TIMEOUT_MS,
    );
    if ("failure" in answered) return { kind: "retry", error: `HERMES: ${answered.failure}` };
    const { response, text } = answered;
    if (!response.ok) {
      const error = `HERMES answered ${response.status}: ${text.slice(0, 300)}`;
      const later = response.status >= 500 || [408, 425, 429].includes(response.status);
      return later ? { kind: "retry", error, ...retryAfter(response) } : { kind: "dead", error };
    }
    const answer = answerSchema.safeParse(jsonOrNull(text));
    if (!answer.success) {
      return {
        kind: "retry",
        error: `HERMES's answer breaks its contract: ${text.slice(0, 300)}`,
      };
    }
    if (answer.data.status === "failed") {
      const why = answer.data.error === undefined ? "" : `: ${answer.data.error.slice(0, 300)}`;
      const error = `HERMES could not deliver ${answer.data.notification_id}${why}`;
      return { kind: "retry", error };
    }
    return { kind: "delivered", notificationId: answer.data.notification_id };
  };
}

/**
 * HERMES hands a text to Telegram with `parse_mode` HTML: there every `<`, `>` and `&` that is not
 * of a tag or an entity must be an entity, and one that is not makes Telegram refuse the message
 * (https://core.telegram.org/bots/api#html-style). A text that is too long is refused as well: it is
 * cut.
 */
function telegramHtml(message: string): string {
  return cutText(message, TELEGRAM_CHARACTERS)
    .replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

import { createHmac } from "node:crypto";
import Stripe from "stripe";
import { z } from "zod";
import { isDeep } from "../_shared/http/read-body.ts";

/** What is read of an event before it is stored; the database reads the rest. */
export const EventEnvelope = z.object({
  id: z.string().regex(/^evt_\w+$/),
  object: z.literal("event"),
  type: z.string(),
  created: z.int(),
  livemode: z.boolean(),
  data: z.object({ object: z.record(z.string(), z.unknown()) }),
});

/** See the schema of the same name. */
export type EventEnvelope = z.infer<typeof EventEnvelope>;

/** A verified event, or why it is none. */
export type Verification =
  | { readonly kind: "event"; readonly event: EventEnvelope }
  | { readonly kind: "refused"; readonly reason: string };

/** Seconds that a signature may be old, or ahead of our clock. */
const TOLERANCE = 300;

/** Characters of a header at most: a timestamp and a few signatures. */
const MOST_CHARACTERS = 2000;

/**
 * Checks what can be checked before the body is read: a header that could sign a body now. Returns
 * why it cannot; null where it can.
 */
export function refuseHeader(
  header: string | null,
  secrets: readonly string[],
  now: Date,
): string | null {
  if (header === null || header === "") return "the Stripe-Signature header is missing";
  if (secrets.length === 0) return "STRIPE_WEBHOOK_SECRET is not set";
  // The SDK counts the last timestamp of the header, so that is the one that is signed.
  const timestamp = [...header.slice(0, MOST_CHARACTERS).matchAll(/(?:^|,)t=(\d{1,12})(?=,|$)/g)]
    .at(-1)?.[1];
  const isSigned = /(?:^|,)v1=[0-9a-f]{64}(?:,|$)/.test(header.slice(0, MOST_CHARACTERS));
  if (header.length > MOST_CHARACTERS || timestamp === undefined || !isSigned) {
    return "the Stripe-Signature header is not t=<seconds>,v1=<64 hexadecimal digits>";
  }
  const ahead = Number(timestamp) - now.getTime() / 1000;
  if (ahead > TOLERANCE) return "the signature is from the future";
  return ahead < -TOLERANCE - 1 ? "the signature is too old" : null;
}

/**
 * Checks the signature over the raw body against each secret; during a rotation there are two. The
 * SDK refuses old signatures, but takes any from the future; `refuseHeader` refuses those.
 */
export function verifyWebhook(
  body: string,
  header: string,
  secrets: readonly string[],
  { webhooks }: Pick<Stripe, "webhooks">,
  now: Date,
): Verification {
  let reason = "";
  for (const secret of secrets) {
    try {
      const signed: unknown = webhooks.constructEvent(
        body,
        header,
        secret,
        TOLERANCE,
        digests,
        now.getTime(),
      );
      if (isDeep(signed)) return refused("the body is signed, but is nested too deeply");
      const event = EventEnvelope.safeParse(signed);
      return event.success
        ? { kind: "event", event: event.data }
        : refused("the body is signed, but is not an event");
    } catch (error) {
      reason = error instanceof Error ? error.message.split("\n")[0] ?? "" : String(error);
    }
  }
  return refused(reason);
}

/** Web Crypto, the SDK's default in Deno, takes eight times as long for what is a few kilobytes. */
class NodeDigests extends Stripe.CryptoProvider {
  override computeHMACSignature(payload: string, secret: string): string {
    return createHmac("sha256", secret).update(payload, "utf8").digest("hex");
  }
}
const digests = new NodeDigests();

function refused(reason: string): Verification {
  return { kind: "refused", reason };
}

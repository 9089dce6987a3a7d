import type { DeliveryOutcome } from "../_shared/outbound/outcome.ts";
import { storableText } from "../_shared/outbound/storable-text.ts";

/** Characters of `details` as JSON; ours are a few hundred. */
const MOST_DETAILS = 4000;

/** A service cannot put a delivery off for longer. Seconds. */
const LATEST_RETRY = 86_400;

/**
 * An outcome that the database takes, whatever a service has answered: text without NUL, without
 * halves of surrogate pairs and without our secrets, of a bounded length; seconds of at most a day.
 */
export function storableOutcome(outcome: DeliveryOutcome): DeliveryOutcome {
  switch (outcome.kind) {
    case "done": {
      const { externalId, details } = outcome;
      return {
        kind: "done",
        ...externalId === undefined ? {} : { externalId: storableText(externalId) },
        ...details === undefined ? {} : { details: storableDetails(details) },
      };
    }
    case "retry": {
      const { error, retryAfterSeconds: seconds = 0 } = outcome;
      return {
        kind: "retry",
        error: storableText(error),
        ...seconds > 0 ? { retryAfterSeconds: Math.min(seconds, LATEST_RETRY) } : {},
      };
    }
    case "dead":
    case "skipped":
      return { kind: outcome.kind, error: storableText(outcome.error) };
  }
}

function storableDetails(details: object): object {
  const text = JSON.stringify(
    details,
    (_, value) => typeof value === "string" ? storableText(value) : value,
  );
  return text.length > MOST_DETAILS ? {} : JSON.parse(text);
}

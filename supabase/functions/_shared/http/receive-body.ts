import { problem } from "../../../../shared/errors.ts";
import { BODY_WITHIN_MS } from "./caller-limits.ts";
import { ProblemError } from "./problem.ts";
import { currentLimits } from "./request-limits.ts";

/** A body on its way. */
export interface Incoming {
  /** Rejects with `body_timeout` when the body has taken too long. */
  readonly expired: Promise<never>;
  /** Counts bytes that have come. Throws a `ProblemError` where too many are held. */
  readonly hold: (bytes: number) => void;
}

/**
 * Receives a body within its time and within the limits of its request; capacity for its work is
 * asked for afterwards, so a body that never comes whole holds none.
 */
export async function receiveBody<T>(
  receive: (incoming: Incoming) => Promise<T>,
  withinMs = BODY_WITHIN_MS,
): Promise<T> {
  const limits = currentLimits();
  const stopReceiving = limits?.startReceiving();
  const { promise: expired, reject } = Promise.withResolvers<never>();
  // Also where nobody waits for it any more.
  expired.catch(() => {});
  const timer = setTimeout(
    () => reject(new ProblemError(problem("body_timeout", `within ${withinMs / 1000} s`))),
    withinMs,
  );
  try {
    return await receive({ expired, hold: (bytes) => limits?.hold(bytes) });
  } finally {
    clearTimeout(timer);
    stopReceiving?.();
  }
}

/** The chunks of a stream until it ends or its time is over; then the sender is hung up on. */
export async function* chunksOf(
  stream: ReadableStream<Uint8Array>,
  { expired }: Pick<Incoming, "expired">,
): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), expired]);
      if (done) return;
      yield value;
    }
  } finally {
    // Not awaited: a sender that stalls may never answer.
    reader.cancel().catch(() => {});
  }
}

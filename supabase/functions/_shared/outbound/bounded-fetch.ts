/** Bytes of an answer and milliseconds until it has come whole. */
export interface AnswerBounds {
  readonly bytes: number;
  readonly withinMs: number;
}

/**
 * `fetch` whose answer ends: a body of more bytes breaks off with an error, and so does one that
 * takes longer. A service that answers without end fails one call and fills no memory.
 */
export function boundedFetch(bounds: AnswerBounds): typeof fetch {
  return async (input, init) => {
    const timeout = AbortSignal.timeout(bounds.withinMs);
    const given = signalOf(init);
    const signal = given === null ? timeout : AbortSignal.any([given, timeout]);
    const response = await fetch(input, { ...init, signal });
    const { body, status, statusText, headers } = response;
    if (body === null) return response;
    const counted = body.pipeThrough(countingStream(bounds.bytes));
    return new Response(counted, { status, statusText, headers });
  };
}

function signalOf(init: unknown): AbortSignal | null {
  if (typeof init !== "object" || init === null || !("signal" in init)) return null;
  return init.signal instanceof AbortSignal ? init.signal : null;
}

/** Passes bytes on and breaks off after so many. */
function countingStream(most: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform: (chunk, controller) => {
      bytes += chunk.byteLength;
      if (bytes > most) throw new Error(`the answer has more than ${most} bytes`);
      controller.enqueue(chunk);
    },
  });
}

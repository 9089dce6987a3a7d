/** Bytes of an answer and milliseconds until it has come whole, asked for each request anew. */
export interface AnswerBounds {
  readonly bytes: number;
  readonly withinMs: number | (() => number);
}

/**
 * `fetch` whose answer ends: a body of more bytes breaks off with an error, and so does one that
 * takes longer. A service that answers without end fails one call and fills no memory.
 */
export function boundedFetch({ bytes, withinMs }: AnswerBounds): typeof fetch {
  return async (input, init) => {
    const milliseconds = typeof withinMs === "number" ? withinMs : withinMs();
    const timeout = AbortSignal.timeout(Math.max(0, milliseconds));
    const given = signalOf(init);
    const signal = given === null ? timeout : AbortSignal.any([given, timeout]);
    const response = await fetch(input, { ...init, signal });
    const { body, status, statusText, headers } = response;
    if (body === null) return response;
    const counted = body.pipeThrough(countingStream(bytes));
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

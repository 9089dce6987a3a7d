/** A call of n8n to the functions. */
export interface RelayedCall {
  readonly call: string;
  /** Its Idempotency-Key. */
  readonly key: string | null;
  readonly status: number;
  /** Whether the answer was one that had been given before. */
  readonly replayed: boolean;
}

/** The functions as n8n reaches them: they can be away, and every call is noted. */
export interface Relay {
  readonly url: string;
  readonly calls: RelayedCall[];
  away: boolean;
  stop(): Promise<void>;
}

export function startRelay(functionsUrl: string): Relay {
  const calls: RelayedCall[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const answer = relay.away
        ? new Response("Name resolution failed", { status: 503 })
        : await fetch(`${functionsUrl}${pathname}${search}`, {
          method: request.method,
          headers: request.headers,
          body: request.body === null ? null : await request.arrayBuffer(),
        });
      calls.push({
        call: `${request.method} ${pathname}`,
        key: request.headers.get("idempotency-key"),
        status: answer.status,
        replayed: answer.headers.get("idempotency-replayed") === "true",
      });
      return new Response(await answer.arrayBuffer(), {
        status: answer.status,
        headers: { "content-type": answer.headers.get("content-type") ?? "text/plain" },
      });
    },
  );
  const relay: Relay = {
    url: `http://127.0.0.1:${server.addr.port}`,
    calls,
    away: false,
    stop: () => server.shutdown(),
  };
  return relay;
}

import { z } from "zod";

const Mail = z.object({ from: z.string(), to: z.array(z.string()), subject: z.string() });

/** A Resend on the loopback address. As there, a key that was used sends nothing again. */
export interface ResendStandIn {
  readonly url: string;
  /** Idempotency keys of the mails that went out, in order. */
  readonly sent: readonly string[];
  stop(): Promise<void>;
}

/** Starts it: docs of `POST /emails`. */
export function startResend(): ResendStandIn {
  const sent: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const key = request.headers.get("idempotency-key");
      const mail = Mail.safeParse(await request.json().catch(() => null));
      if (!mail.success || key === null) {
        return Response.json({ message: "no mail", name: "validation_error" }, { status: 422 });
      }
      if (!sent.includes(key)) sent.push(key);
      return Response.json({ id: crypto.randomUUID() });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    sent,
    stop: () => server.shutdown(),
  };
}

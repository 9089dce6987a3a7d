import { z } from "zod";
import { parseTelegramHtml } from "./telegram.ts";

const request = z.strictObject({
  message: z.string().min(1),
  priority: z.enum(["low", "normal", "high", "critical"]),
  channel: z.enum(["telegram", "event-bus", "slack", "email"]),
});

/** A notification as HERMES took it, and what it answered. */
export interface ReceivedNotification {
  readonly id: string;
  readonly key: string | null;
  readonly body: z.infer<typeof request>;
  readonly status: "delivered" | "failed";
  /** What people read: as Telegram shows it, else the message; null where nobody was reached. */
  readonly shown: string | null;
}

/**
 * How it answers: `deliver` as it should; `fail` with 200 and status failed; `error` with 500;
 * `garbage` with 200 and no JSON; `hang` not until it behaves otherwise or stops.
 */
export type HermesBehaviour = "deliver" | "fail" | "error" | "garbage" | "hang";

/**
 * A HERMES that listens on the loopback address. Strict: it answers 400 to what breaks contract. It
 * hands what is for Telegram on as HTML, and fails where Telegram refuses it.
 */
export interface HermesStandIn {
  readonly url: string;
  /** All that it took, in order; only `delivered` ones reached somebody. */
  readonly received: readonly ReceivedNotification[];
  behave(behaviour: HermesBehaviour): void;
  stop(): Promise<void>;
}

/** Starts it. */
export function startHermes(): HermesStandIn {
  const received: ReceivedNotification[] = [];
  let behaviour: HermesBehaviour = "deliver";
  let changed = Promise.withResolvers<void>();
  const behave = (next: HermesBehaviour) => {
    behaviour = next;
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (call) => {
      if (new URL(call.url).pathname !== "/notify" || call.method !== "POST") {
        return Response.json({ error: "not found" }, { status: 404 });
      }
      const body = request.safeParse(await call.json().catch(() => undefined));
      if (!body.success) return Response.json({ error: body.error.message }, { status: 400 });
      if (behaviour === "hang") await changed.promise;
      if (behaviour === "error") return new Response("out of order", { status: 500 });
      if (behaviour === "garbage") return new Response("<html>");
      const { message, channel } = body.data;
      const telegram = channel === "telegram"
        ? parseTelegramHtml(message)
        : { ok: true as const, shown: message };
      const shown = behaviour === "deliver" && telegram.ok ? telegram.shown : null;
      const status = shown === null ? "failed" : "delivered";
      const id = crypto.randomUUID();
      const key = call.headers.get("idempotency-key");
      received.push({ id, key, body: body.data, status, shown });
      return Response.json({
        notification_id: id,
        status,
        channel,
        ...(telegram.ok ? {} : { error: telegram.description }),
      });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    received,
    behave,
    stop: async () => {
      behave("deliver");
      await server.shutdown();
    },
  };
}

import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { hermesNotifier } from "../../../supabase/functions/deliver/outbound/hermes.ts";
import { type HermesStandIn, startHermes } from "../../standins/hermes.ts";

async function told(channel: string, message: string): Promise<HermesStandIn["received"]> {
  const hermes = startHermes();
  try {
    const notify = hermesNotifier({ url: hermes.url, channel });
    await notify({ message, priority: "high", key: "notice:1" });
    return hermes.received;
  } finally {
    await hermes.stop();
  }
}

Deno.test("signs of HTML and emoji in names and refusals are read on Telegram as they were written", async () => {
  const texts = [
    "Delivery 7 (email, invoice_issued, Müller & Söhne <b>) gave up: 550 5.1.1 <ap@acme.test>: no",
    "AT&amp;T \"quoted\" & 'single' 3 < 4 > 2 &lt; 👩‍🚀 🎉",
    "</b> <script>alert(1)</script> &nbsp;",
  ];
  for (const text of texts) {
    deepStrictEqual((await told("telegram", text)).map(({ shown }) => shown), [text]);
  }
});

Deno.test("other channels get the message as it is", async () => {
  for (const channel of ["event-bus", "email"]) {
    const [notification] = await told(channel, "Müller & Söhne <ap@acme.test>");
    strictEqual(notification?.body.message, "Müller & Söhne <ap@acme.test>");
  }
});

Deno.test("a message longer than Telegram takes arrives, cut between two characters", async () => {
  const text = "<👩‍🚀>".repeat(2000);
  const [notification] = await told("telegram", text);
  const shown = notification?.shown ?? "";
  match(shown, /…$/u);
  ok(shown.length > 3000 && shown.length <= 4096 && shown.isWellFormed());
  ok(text.startsWith(shown.slice(0, -1)));
});

Deno.test("the reason that HERMES gives with a failure is kept", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () =>
      Response.json({
        notification_id: "n1",
        status: "failed",
        error: "Bad Request: chat not found",
      }),
  );
  const notify = hermesNotifier({ url: `http://127.0.0.1:${server.addr.port}`, channel: "slack" });
  deepStrictEqual(await notify({ message: "x", priority: "low", key: "k" }), {
    kind: "retry",
    error: "HERMES could not deliver n1: Bad Request: chat not found",
  });
  await server.shutdown();
});

Deno.test("HERMES has longer to answer than the 15 seconds that it may need", async () => {
  const { timeout } = AbortSignal;
  const limits: number[] = [];
  AbortSignal.timeout = (milliseconds) => {
    limits.push(milliseconds);
    return timeout.call(AbortSignal, milliseconds);
  };
  try {
    await told("telegram", "Slow");
  } finally {
    AbortSignal.timeout = timeout;
  }
  ok(limits.length > 0 && limits.every((limit) => limit > 15_000), limits.join());
});

import assert from "node:assert/strict";
import Stripe from "stripe";
import { handleWebhook } from "./handler.ts";

const NOW = new Date("2026-07-01T12:00:00Z");
const SECOND = Math.floor(NOW.getTime() / 1000);
const SECRET = "whsec_current";
const EVENT = {
  id: "evt_1",
  object: "event",
  type: "invoice.paid",
  created: SECOND - 5,
  livemode: false,
  data: { object: { id: "in_1", note: "Grüße" } },
};
const stripe = new Stripe("sk_test_unused");

/** A header with a `v1` for each secret, as Stripe sends one. */
async function sign(body: string, secrets = [SECRET], timestamp = SECOND): Promise<string> {
  const headers = await Promise.all(
    secrets.map((secret) =>
      stripe.webhooks.generateTestHeaderStringAsync({ payload: body, secret, timestamp })
    ),
  );
  return [`t=${timestamp}`, ...headers.map((header) => header.split(",")[1])].join(",");
}

interface Sent {
  readonly body?: string;
  /** Bytes that the sender says the body has; unsaid, as in a chunked request, unless given. */
  readonly announced?: number;
  readonly signature?: string | null;
  readonly secrets?: readonly string[];
  readonly livemode?: boolean;
  readonly known?: boolean;
  readonly failing?: boolean;
}

async function send(
  { body = JSON.stringify(EVENT), announced, signature, secrets = [SECRET], ...world }: Sent,
) {
  const { livemode, known, failing } = world;
  const stored: string[] = [];
  const processed: string[] = [];
  const reported: unknown[] = [];
  const header = signature === undefined ? await sign(body) : signature;
  const response = await handleWebhook(
    new Request("http://functions.test/stripe-webhook", {
      method: "POST",
      body,
      headers: {
        ...(header === null ? {} : { "stripe-signature": header }),
        ...(announced === undefined ? {} : { "content-length": String(announced) }),
      },
    }),
    {
      connection: {
        stripe,
        store: {
          livemode: livemode ?? false,
          receiveEvent: (event) => {
            if (failing) return Promise.reject(new Error("the database is away"));
            stored.push(event);
            return Promise.resolve(known !== true);
          },
        },
        now: () => NOW,
      },
      secrets,
      processEvents: () => Promise.resolve(void processed.push("processed")),
      inBackground: () => {},
      reportError: (error) => reported.push(error),
    },
  );
  const { code } = response.status === 200 ? { code: "ok" } : await response.json();
  return { status: response.status, code, stored, processed, reported };
}

async function assertRefused(sent: Sent, status = 400, code = "signature_invalid") {
  const answer = await send(sent);
  assert.deepEqual([answer.status, answer.code], [status, code]);
  assert.deepEqual(answer.stored, []);
}

Deno.test("a signed event is stored as it came, answered, and acted on", async () => {
  const body = JSON.stringify(EVENT, null, 2);
  const { status, stored, processed } = await send({ body });
  assert.deepEqual([status, stored, processed], [200, [body], ["processed"]]);
});

Deno.test("an event that is known is answered and not acted on again", async () => {
  const { status, processed } = await send({ known: true });
  assert.deepEqual([status, processed], [200, []]);
});

Deno.test("a signature by another secret is refused", async () => {
  await assertRefused({ signature: await sign(JSON.stringify(EVENT), ["whsec_other"]) });
});

Deno.test("a signature of 300 seconds ago holds, one of 301 does not", async () => {
  const at = (age: number) => sign(JSON.stringify(EVENT), [SECRET], SECOND - age);
  assert.equal((await send({ signature: await at(300) })).status, 200);
  await assertRefused({ signature: await at(301) });
});

Deno.test("a signature of 300 seconds ahead holds, one of 301 does not", async () => {
  const at = (ahead: number) => sign(JSON.stringify(EVENT), [SECRET], SECOND + ahead);
  assert.equal((await send({ signature: await at(300) })).status, 200);
  await assertRefused({ signature: await at(301) });
});

Deno.test("a timestamp put before the signed one changes nothing", async () => {
  const signature = await sign(JSON.stringify(EVENT), [SECRET], SECOND + 301);
  await assertRefused({ signature: `t=${SECOND},${signature}` });
});

Deno.test("a body that differs by one byte is refused", async () => {
  const body = JSON.stringify(EVENT);
  const signature = await sign(body);
  await assertRefused({ body: body.replace("in_1", "in_2"), signature });
  await assertRefused({ body: `${body} `, signature });
});

Deno.test("a missing, empty or meaningless header is refused", async () => {
  const digest = "0".repeat(64);
  for (
    const signature of [
      null,
      "",
      "nonsense",
      `t=${SECOND}`,
      `v1=00,t=${SECOND}`,
      `t=${SECOND},v1=${digest}0`,
      `t=soon,v1=${digest}`,
      `t=${SECOND},${`v1=${digest},`.repeat(40)}`,
    ]
  ) {
    await assertRefused({ signature });
  }
});

Deno.test("of two v1 signatures one that holds is enough", async () => {
  const signature = await sign(JSON.stringify(EVENT), ["whsec_other", SECRET]);
  assert.equal((await send({ signature })).status, 200);
});

Deno.test("while a secret is rotated the old and the new one hold", async () => {
  const secrets = ["whsec_new", "whsec_old"];
  for (const secret of secrets) {
    const signature = await sign(JSON.stringify(EVENT), [secret]);
    assert.equal((await send({ secrets, signature })).status, 200);
  }
  await assertRefused({ secrets, signature: await sign(JSON.stringify(EVENT), ["whsec_older"]) });
});

Deno.test("without a secret nothing is taken", async () => {
  await assertRefused({ secrets: [] });
});

Deno.test("a body of more than a mebibyte is not read", async () => {
  const body = JSON.stringify({ ...EVENT, data: { object: { note: "x".repeat(1024 * 1024) } } });
  await assertRefused({ body, signature: await sign("{}") }, 413, "too_large");
});

Deno.test("a body that announces its length is taken, and refused for it alone", async () => {
  const body = JSON.stringify(EVENT);
  const bytes = new TextEncoder().encode(body).length;
  assert.deepEqual((await send({ body, announced: bytes })).stored, [body]);
  await assertRefused({ body, announced: 1024 * 1024 + 1 }, 413, "too_large");
  await assertRefused({ body, announced: Number.NaN }, 413, "too_large");
});

Deno.test("a signed body that is no event is refused", async () => {
  const body = JSON.stringify({ ...EVENT, object: "v2.core.event" });
  await assertRefused({ body: "{}", signature: await sign("{}") });
  await assertRefused({ body, signature: await sign(body) });
});

Deno.test("an event of live mode is refused under a test key, and the reverse", async () => {
  const live = JSON.stringify({ ...EVENT, livemode: true });
  await assertRefused({ body: live }, 400, "stripe_mode_mismatch");
  await assertRefused({ livemode: true }, 400, "stripe_mode_mismatch");
  assert.equal((await send({ body: live, livemode: true })).status, 200);
});

Deno.test("an event that cannot be stored is answered with 500, so Stripe sends it again", async () => {
  const { status, processed, reported } = await send({ failing: true });
  assert.deepEqual([status, processed, reported.length], [500, [], 1]);
});

Deno.test("without a Stripe key the endpoint says that Stripe is off", async () => {
  const response = await handleWebhook(
    new Request("http://functions.test/stripe-webhook", { method: "POST", body: "{}" }),
    {
      connection: undefined,
      secrets: [],
      processEvents: () => Promise.resolve(),
      inBackground: () => {},
      reportError: () => {},
    },
  );
  assert.deepEqual([response.status, (await response.json()).code], [503, "stripe_off"]);
});

Deno.test("a header that cannot sign a body is refused before the body is read", async () => {
  for (const header of ["nonsense", `t=${SECOND - 600},v1=${"0".repeat(64)}`]) {
    let read = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: () => void (read += 1),
    }, { highWaterMark: 0 });
    const response = await handleWebhook(
      new Request("http://functions.test/stripe-webhook", {
        method: "POST",
        body,
        headers: { "stripe-signature": header },
      }),
      {
        connection: {
          stripe,
          store: { livemode: false, receiveEvent: () => Promise.resolve(true) },
          now: () => NOW,
        },
        secrets: [SECRET],
        processEvents: () => Promise.resolve(),
        inBackground: () => {},
        reportError: () => {},
      },
    );
    assert.deepEqual([response.status, read], [400, 0]);
  }
});

Deno.test("a signed body that is nested 100,000 deep is refused, and is no error of ours", async () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000);
  await assertRefused({ body: `{"id":"evt_1","object":"event","data":${deep}}` });
});

import assert from "node:assert/strict";
import type { MailMessage } from "./message.ts";
import { resendSender } from "./resend.ts";

const MESSAGE: MailMessage = {
  to: ["client@example.test"],
  replyTo: "billing@leveredge.test",
  subject: "Invoice",
  text: "text",
  html: "<p>html</p>",
  messageId: "invoice.1@leveredge.test",
  inReplyTo: null,
  attachments: [{
    filename: "a.pdf",
    contentType: "application/pdf",
    content: new Uint8Array([37, 80, 68, 70]),
  }],
};

/** Sends one mail to a server that answers with `status`. */
async function send(status: number, headers: Record<string, string> = {}) {
  const requests: { key: string | null; auth: string | null; body: Record<string, unknown> }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (r) => {
    requests.push({
      key: r.headers.get("idempotency-key"),
      auth: r.headers.get("authorization"),
      body: await r.json(),
    });
    return Response.json({ id: "x" }, { status, headers });
  });
  const base = `http://127.0.0.1:${server.addr.port}`;
  const answer = await resendSender({ key: "re_1", from: "B <b@leveredge.test>", base })(MESSAGE);
  await server.shutdown();
  return { answer, request: requests[0] };
}

Deno.test("Resend gets the mail once per Message-ID, attachments in base64", async () => {
  const { answer, request } = await send(200);
  assert.deepEqual(answer, { kind: "sent" });
  assert.equal(request?.key, "invoice.1@leveredge.test");
  assert.equal(request?.auth, "Bearer re_1");
  assert.deepEqual(request?.body.attachments, [{
    filename: "a.pdf",
    content_type: "application/pdf",
    content: "JVBERg==",
  }]);
});

Deno.test("only a mail that Resend cannot take is given up", async () => {
  assert.equal((await send(422)).answer.kind, "dead");
  assert.equal((await send(401)).answer.kind, "retry");
  assert.equal((await send(500)).answer.kind, "retry");
  const { answer } = await send(429, { "retry-after": "7" });
  assert.equal("retryAfterSeconds" in answer && answer.retryAfterSeconds, 7);
});

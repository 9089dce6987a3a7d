import PostalMime from "postal-mime";
import type { Email } from "postal-mime";
import { SMTPServer } from "smtp-server";

/** A mail as it was handed to the server. */
export interface CaughtMail {
  id: string;
  /** ISO 8601, UTC. */
  received_at: string;
  envelope: { from: string; to: string[] };
  /** Addresses, subject, text, HTML and attachments; those as base64. */
  message: Email;
  /** The bytes between DATA and the final dot. */
  raw: Uint8Array<ArrayBuffer>;
}

/** Accepts every mail and delivers none. */
export interface MailCatcher {
  smtpPort: number;
  viewUrl: string;
  stop(): Promise<void>;
}

/**
 * Starts SMTP on `smtpPort` (any user and password are right) and the JSON view on `viewPort`:
 * `GET /api/messages`, `GET /api/messages/:id`, `GET /api/messages/:id/raw`,
 * `DELETE /api/messages`.
 */
export async function startMail(smtpPort: number, viewPort: number): Promise<MailCatcher> {
  const mails: CaughtMail[] = [];
  const smtp = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    // Its certificate is self-signed: a client that upgraded would refuse it.
    disabledCommands: ["STARTTLS"],
    onAuth: (auth, _session, done) => done(null, { user: auth.username ?? "anybody" }),
    onData: (stream, session, done) => {
      const { mailFrom, rcptTo } = session.envelope;
      readAll(stream)
        .then(async (raw) => {
          mails.push({
            id: crypto.randomUUID(),
            received_at: new Date().toISOString(),
            envelope: {
              from: mailFrom === false ? "" : mailFrom.address,
              to: rcptTo.map((recipient) => recipient.address),
            },
            message: await PostalMime.parse(raw, { attachmentEncoding: "base64" }),
            raw,
          });
          done();
        })
        .catch((error: unknown) => done(error instanceof Error ? error : new Error(String(error))));
    },
  });
  await new Promise<void>((resolve, reject) => {
    smtp.once("error", reject);
    smtp.listen(smtpPort, "127.0.0.1", resolve);
  });
  smtp.on("error", () => {}); // A client that hangs up is no concern of ours.
  const view = Deno.serve(
    { hostname: "127.0.0.1", port: viewPort, onListen: () => {} },
    (request) => answer(request, mails),
  );
  return {
    smtpPort,
    viewUrl: `http://127.0.0.1:${viewPort}`,
    stop: async () => {
      await new Promise<void>((resolve) => smtp.close(resolve));
      await view.shutdown();
    },
  };
}

function answer(request: Request, mails: CaughtMail[]): Response {
  const [, api, collection, id, part] = new URL(request.url).pathname.split("/");
  if (api !== "api" || collection !== "messages") return notFound();
  if (id === undefined && request.method === "DELETE") {
    mails.length = 0;
    return new Response(null, { status: 204 });
  }
  if (request.method !== "GET") return new Response(null, { status: 405 });
  if (id === undefined) {
    return Response.json({ total: mails.length, messages: mails.map(withoutRaw) });
  }
  const mail = mails.find((candidate) => candidate.id === id);
  if (mail === undefined) return notFound();
  if (part === "raw") {
    return new Response(mail.raw, { headers: { "content-type": "message/rfc822" } });
  }
  return Response.json(withoutRaw(mail));
}

function withoutRaw({ raw, ...mail }: CaughtMail) {
  return { ...mail, bytes: raw.length };
}

function notFound(): Response {
  return Response.json({ message: "Not found" }, { status: 404 });
}

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of stream) chunks.push(new Uint8Array(chunk));
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

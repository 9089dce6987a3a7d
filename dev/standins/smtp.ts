import PostalMime from "postal-mime";
import type { Email } from "postal-mime";
import { SMTPServer } from "smtp-server";

/**
 * How it answers: `accept`; `busy` with 451 to MAIL FROM, for now; `unknown` with 550 to RCPT TO,
 * for good; `forgetful`: it takes the mail and hangs up instead of saying so; `hang`: it never
 * answers MAIL FROM.
 */
export type SmtpBehaviour = "accept" | "busy" | "unknown" | "forgetful" | "hang";

/** An SMTP server on the loopback address that misbehaves when told to. */
export interface SmtpStandIn {
  readonly url: string;
  /** Every mail that it took, in order, also twice. */
  readonly received: readonly Email[];
  behave(behaviour: SmtpBehaviour): void;
  stop(): Promise<void>;
}

/** Starts it. */
export async function startSmtp(): Promise<SmtpStandIn> {
  const received: Email[] = [];
  let behaviour: SmtpBehaviour = "accept";
  const refusal = (responseCode: number, message: string) =>
    Object.assign(new Error(message), { responseCode });
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onMailFrom: (_address, _session, done) => {
      if (behaviour === "busy") return done(refusal(451, "try again later"));
      if (behaviour !== "hang") done();
    },
    onRcptTo: ({ address }, _session, done) =>
      behaviour === "unknown" ? done(refusal(550, `<${address}>: no such user here`)) : done(),
    onData: (stream, session, done) => {
      const chunks: Uint8Array<ArrayBuffer>[] = [];
      stream.on("data", (chunk) => chunks.push(new Uint8Array(chunk)));
      stream.on("end", () => {
        new Blob(chunks).arrayBuffer().then((raw) => PostalMime.parse(raw)).then((mail) => {
          received.push(mail);
          if (behaviour !== "forgetful") return done();
          connections.get(session.id)?.();
        }, (error: unknown) => done(refusal(554, String(error))));
      });
    },
  });
  // What hangs up on a client: the package has no call for it.
  const connections = new Map<string, () => void>();
  server.server.on("connection", () => {
    for (const connection of server.connections) {
      connections.set(connection.id, () => connection.close());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.on("error", () => {}); // A client that hangs up is no concern of ours.
  const address = server.server.address();
  if (address === null || typeof address === "string") throw new Error("SMTP has no port");
  return {
    url: `smtp://127.0.0.1:${address.port}`,
    received,
    behave: (next) => void (behaviour = next),
    stop: () => new Promise<void>((resolve) => server.close(resolve)),
  };
}

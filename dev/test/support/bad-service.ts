/** Ways in which a service answers badly, whatever it is asked. */
export const BAD_ANSWERS = [
  "huge retry-after",
  "retry-after that is no number",
  "NUL in a success",
  "NUL and half a surrogate pair in a failure",
  "endless success",
  "endless failure",
  "byte by byte",
  "no answer",
  "hangs up in the middle",
  "not the protocol",
  "huge numbers",
  "wrong content type",
  "redirects to itself",
  "200 with an error page",
  "invalid JSON",
  "connection reset",
] as const;

export type BadAnswer = (typeof BAD_ANSWERS)[number];

/** A service on the loopback address that answers everything in one bad way. */
export interface BadService {
  readonly port: number;
  /** Bytes that it could send before it was hung up on. */
  sent(): number;
  stop(): Promise<void>;
}

/** What no 64 bits hold, in every field that a service may count with. */
const HUGE_NUMBERS = `{"notification_id": 1e400, "status": "delivered", "id": 1e308,
  "object": "invoice", "total": 1e400, "amount": -1e400, "created": 1e308, "Id": 1e400,
  "statusCode": 1e308, "data": 1e400}`;

const CHUNK = new Uint8Array(65_536).fill(0x61);

/** Starts it; `protocol` says what its answers look like. */
export function startBadService(protocol: "http" | "smtp", way: BadAnswer): BadService {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = new Set<Deno.Conn>();
  let sent = 0;
  let stopped = false;
  const serveOne = async (connection: Deno.Conn) => {
    connections.add(connection);
    const write = async (bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
      sent += bytes.length;
    };
    const text = (value: string) => write(new TextEncoder().encode(value));
    try {
      // Closed with the request unread, a connection is reset.
      if (protocol === "http" && way !== "connection reset") {
        await connection.read(new Uint8Array(65_536));
      }
      await answerBadly(protocol, way, { text, write, isStopped: () => stopped });
      if (way !== "no answer") connection.close();
    } catch {
      // Hung up on.
    }
  };
  const accepting = (async () => {
    for await (const connection of listener) void serveOne(connection);
  })();
  return {
    port: listener.addr.port,
    sent: () => sent,
    stop: async () => {
      stopped = true;
      listener.close();
      for (const connection of connections) {
        try {
          connection.close();
        } catch {
          // It is closed.
        }
      }
      await accepting.catch(() => {});
    },
  };
}

type Write<T> = (value: T) => Promise<void>;

/** Where a bad answer is written to, and when one without end ends. */
export interface AnswerPorts {
  readonly text: Write<string>;
  readonly write: Write<Uint8Array>;
  readonly isStopped: () => boolean;
}

/** Writes one bad answer. */
export async function answerBadly(
  protocol: "http" | "smtp",
  way: BadAnswer,
  { text, write, isStopped }: AnswerPorts,
): Promise<void> {
  const answer = protocol === "http" ? answerHttp : answerSmtp;
  await answer(way, text, write, isStopped);
}

async function answerHttp(
  way: BadAnswer,
  text: Write<string>,
  write: Write<Uint8Array>,
  isStopped: () => boolean,
): Promise<void> {
  const head = (status: string, more = "", type = "application/json") =>
    `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\nconnection: close\r\n${more}\r\n`;
  const whole = (status: string, body: string, more = "", type = "application/json") => {
    const length = new TextEncoder().encode(body).length;
    return text(head(status, `content-length: ${length}\r\n${more}`, type) + body);
  };
  const nul = String.raw`{"notification_id":"a\u0000b","status":"delivered","id":"a\u0000b"}`;
  const half = String.raw`{"error":{"message":"a\u0000b \ud800"},"message":"a\u0000b \ud800"}`;
  switch (way) {
    case "huge retry-after":
      return await whole("503 Busy", "{}", `retry-after: ${"9".repeat(300)}\r\n`);
    case "retry-after that is no number":
      return await whole("429 Slow", "{}", "retry-after: Infinity, NaN, -1\r\n");
    case "NUL in a success":
      return await whole("200 OK", nul);
    case "NUL and half a surrogate pair in a failure":
      return await whole("400 No", `${half}\0`);
    case "endless success":
    case "endless failure":
      await text(head(way === "endless success" ? "200 OK" : "400 No"));
      while (!isStopped()) await write(CHUNK);
      return;
    case "byte by byte":
      await text(head("200 OK"));
      while (!isStopped()) {
        await text(" ");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return;
    case "no answer":
      return;
    case "hangs up in the middle":
      return await text(`${head("200 OK", "content-length: 1000\r\n")}{"notif`);
    case "not the protocol":
      return await text("220 \0\x1b[2J this is no HTTP\r\n\r\n");
    case "huge numbers":
      return await whole("200 OK", HUGE_NUMBERS, `retry-after: ${2 ** 53}\r\n`);
    case "wrong content type":
      return await whole("200 OK", "%PDF-1.7", "", "application/pdf");
    case "redirects to itself":
      return await whole("307 Elsewhere", "", "location: /notify\r\n");
    case "200 with an error page":
      return await whole("200 OK", "<html>Down for maintenance</html>", "", "text/html");
    case "invalid JSON":
      return await whole("200 OK", `{"notification_id": "a", "status": "delivered", "id": `);
    case "connection reset":
      return;
  }
}

async function answerSmtp(
  way: BadAnswer,
  text: Write<string>,
  write: Write<Uint8Array>,
  isStopped: () => boolean,
): Promise<void> {
  switch (way) {
    case "huge retry-after":
      return await text(`421 come again in ${"9".repeat(300)} s\r\n`);
    case "retry-after that is no number":
      return await text("220 hello\r\n999 what\r\n");
    case "NUL in a success":
      return await text("220 a\0b\r\n250 a\0b\r\n250 a\0b\r\n");
    case "NUL and half a surrogate pair in a failure":
      return await text("550 a\0b \ud800\r\n");
    case "endless success":
    case "endless failure":
      await text(way === "endless success" ? "220-" : "550-");
      while (!isStopped()) await write(CHUNK);
      return;
    case "byte by byte":
      while (!isStopped()) {
        await text("220-a\r\n");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return;
    case "no answer":
      return;
    case "hangs up in the middle":
      return await text("220 he");
    case "not the protocol":
      return await text("HTTP/1.1 200 OK\r\n\r\n");
    case "huge numbers":
      return await text(`220 hello\r\n${"9".repeat(400)} what\r\n`);
    case "wrong content type":
      return await text("354 send me the mail\r\n".repeat(3));
    case "redirects to itself":
      return await text("220 hello\r\n551 try <here@example.test>\r\n551 try again\r\n");
    case "200 with an error page":
      return await text("220 hello\r\n<html>Down for maintenance</html>\r\n");
    case "invalid JSON":
      return await text('{"code": 220');
    case "connection reset":
      return;
  }
}

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
] as const;

export type BadAnswer = (typeof BAD_ANSWERS)[number];

/** A service on the loopback address that answers everything in one bad way. */
export interface BadService {
  readonly port: number;
  /** Bytes that it could send before it was hung up on. */
  sent(): number;
  stop(): Promise<void>;
}

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
      if (protocol === "http") {
        await connection.read(new Uint8Array(65_536));
        await answerHttp(way, text, write, () => stopped);
      } else await answerSmtp(way, text, write, () => stopped);
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

async function answerHttp(
  way: BadAnswer,
  text: Write<string>,
  write: Write<Uint8Array>,
  isStopped: () => boolean,
): Promise<void> {
  const head = (status: string, more = "") =>
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nconnection: close\r\n${more}\r\n`;
  const whole = (status: string, body: string, more = "") =>
    text(
      head(status, `content-length: ${new TextEncoder().encode(body).length}\r\n${more}`) + body,
    );
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
  }
}

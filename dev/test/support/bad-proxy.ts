import { answerBadly, type BadAnswer } from "./bad-service.ts";

/** When a service answers badly: in place of its work, or after it. */
export type BadMoment = "before" | "after";

/** What a proxy of HTTP does besides. */
export interface BadProxyOptions {
  /** Reads too are answered badly once the service has answered them: it is asked nothing else. */
  readonly reads?: boolean;
}

/** Stands in front of a service and passes everything on until it is told to misbehave. */
export interface BadProxy {
  readonly port: number;
  /** From now on; null passes everything on again. Connections that are open are closed. */
  misbehave(how: { readonly way: BadAnswer; readonly moment: BadMoment } | null): void;
  stop(): Promise<void>;
}

type Misbehaviour = Parameters<BadProxy["misbehave"]>[0];

/**
 * Starts one in front of a port of this machine. `after` lets the service do what it was asked for,
 * where that changes anything, and answers badly then; reads pass, unless `reads` is set. SMTP knows
 * `before` alone.
 */
export function startBadProxy(
  protocol: "http" | "smtp",
  target: number,
  { reads = false }: BadProxyOptions = {},
): BadProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  let how: Misbehaviour = null;
  let stopped = false;
  const closeAll = () => {
    for (const connection of open) close(connection);
    open.clear();
  };
  const connect = async () => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: target });
    open.add(connection);
    return connection;
  };
  const serveOne = async (caller: Deno.Conn) => {
    open.add(caller);
    const present = how;
    try {
      if (present === null) return await passOn(caller, await connect());
      if (present.moment === "after") {
        const request = await readRequest(caller);
        const passes = !reads && isRead(request);
        const service = await connect();
        await service.write(passes ? closing(request) : request);
        // Handlers answer when their work is done.
        if (passes) return await service.readable.pipeTo(caller.writable);
        await service.read(new Uint8Array(1));
        close(service);
      } else if (protocol === "http" && present.way !== "connection reset") {
        await readRequest(caller);
      }
      await answerBadly(protocol, present.way, {
        text: (value) => writeAll(caller, new TextEncoder().encode(value)),
        write: (bytes) => writeAll(caller, bytes),
        isStopped: () => stopped || how !== present,
      });
      if (present.way !== "no answer") close(caller);
    } catch {
      close(caller);
    }
  };
  const accepting = (async () => {
    for await (const caller of listener) void serveOne(caller);
  })();
  return {
    port: listener.addr.port,
    misbehave: (next) => {
      how = next;
      closeAll();
    },
    stop: async () => {
      stopped = true;
      listener.close();
      closeAll();
      await accepting.catch(() => {});
    },
  };
}

async function passOn(caller: Deno.Conn, service: Deno.Conn): Promise<void> {
  await Promise.allSettled([
    caller.readable.pipeTo(service.writable),
    service.readable.pipeTo(caller.writable),
  ]);
}

/** A whole request; its body has a length or comes in chunks. One connection has one here. */
async function readRequest(caller: Deno.Conn): Promise<Uint8Array> {
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  const chunk = new Uint8Array(65_536);
  while (!isWhole(bytes)) {
    const count = await caller.read(chunk);
    if (count === null) throw new Error("the caller hung up");
    bytes = new Uint8Array([...bytes, ...chunk.subarray(0, count)]);
  }
  return bytes;
}

function isWhole(bytes: Uint8Array): boolean {
  const text = latin1(bytes);
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, head))?.[1];
  if (length !== undefined) return bytes.length >= head + 4 + Number(length);
  return !/^transfer-encoding:/im.test(text.slice(0, head)) || text.endsWith("\r\n0\r\n\r\n");
}

function isRead(request: Uint8Array): boolean {
  return /^(GET|HEAD) /.test(latin1(request.subarray(0, 8)));
}

/** A read that asks for the connection to end: nobody listens for another request on it. */
function closing(request: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = latin1(request).replace(/^connection:.*\r\n/im, "");
  return new TextEncoder().encode(text.replace("\r\n", "\r\nconnection: close\r\n"));
}

function latin1(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}

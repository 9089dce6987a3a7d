/** Ports this process has promised already: whoever asked may not be listening yet. */
const promised = new Set<number>();

/**
 * The wanted TCP port when it is free on the loopback address, else one the system picks. No two
 * calls of one process get the same port, also where neither has begun to listen.
 */
export function freePort(wanted: number): number {
  const port = promised.has(wanted) ? portOf(0) : portNear(wanted);
  promised.add(port);
  return port;
}

function portNear(wanted: number): number {
  try {
    return portOf(wanted);
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return portOf(0);
  }
}

function portOf(port: number): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const taken = listener.addr.port;
  listener.close();
  return taken;
}

/** The wanted TCP port when it is free on the loopback address, else one the system picks. */
export function freePort(wanted: number): number {
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

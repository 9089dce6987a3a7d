/** Ports this process has promised already: their users may not be listening yet. */
const promised = new Set<number>();

/** Below what systems hand out by themselves (Linux from 32768, others from 49152). */
const LOWEST = 15_000;
const HIGHEST = 32_000;

/**
 * The wanted TCP port when it is free on the loopback address, else a random free one. No two calls
 * of one process get the same port, also where neither has begun to listen; and no connection of
 * another process takes it in the meantime, since those get higher ones.
 */
export function freePort(wanted: number): number {
  let port = wanted;
  while (port === 0 || promised.has(port) || !isFree(port)) {
    port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
  }
  promised.add(port);
  return port;
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    return false;
  }
}

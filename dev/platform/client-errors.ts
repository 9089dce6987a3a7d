/**
 * The PostgreSQL client throws, where nobody can catch it, when a connection is lost at the wrong
 * moment: a write to a socket that is gone, a rejection of a query that was given up already. A
 * function dies of that and the next request starts another; this process has to live on. Any
 * other uncaught error still ends it.
 */
export function surviveLostConnections(): void {
  globalThis.addEventListener("unhandledrejection", (event) => {
    if (isLostConnection(event.reason)) event.preventDefault();
  });
  globalThis.addEventListener("error", (event) => {
    if (isLostConnection(event.error)) event.preventDefault();
  });
}

function isLostConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ("code" in error && /^(CONNECTION_\w+|57P0\d|ECONN\w+|EPIPE)$/.test(String(error.code))) {
    return true;
  }
  return error instanceof TypeError && /postgres\/src\/connection\.js/.test(error.stack ?? "");
}

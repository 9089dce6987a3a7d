import { z } from "zod";

/**
 * Where a key is sent to: https, or http on this machine alone, so that nobody on the way reads it.
 */
export const KeyUrl = z.url({ protocol: /^https?$/ }).refine((url) => {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || isLoopback(hostname);
}, "must be https: a key goes there");

/** Whether a host is this machine by its name alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

import { corsHeaders } from "@supabase/supabase-js/cors";

const HEADERS = {
  ...corsHeaders,
  "Access-Control-Allow-Headers": `${
    corsHeaders["Access-Control-Allow-Headers"]
  }, idempotency-key, if-none-match`,
  "Access-Control-Expose-Headers": "etag, idempotency-replayed, retry-after, x-request-id",
  // Seconds that a browser remembers it: otherwise it asks before each request.
  "Access-Control-Max-Age": "7200",
};

/** The answer to a browser that asks whether a page may ask. */
export function preflight(): Response {
  return new Response(null, { status: 204, headers: HEADERS });
}

/** An answer that any page may read: nothing is answered by cookie. */
export function withCors(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  return new Response(response.body, { status: response.status, headers });
}

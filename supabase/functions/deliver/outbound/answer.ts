/** Bytes of an answer that are read: what matters in it is a few hundred. */
const MOST_BYTES = 100_000;

/** What a service has answered, or that it did not. */
export type Answered =
  | { readonly response: Response; readonly text: string }
  | { readonly failure: string };

/**
 * Posts JSON and reads the beginning of the answer, within `timeoutMs` for both. Follows no
 * redirect: nobody who answers may send what was posted on to elsewhere. Never rejects.
 */
export async function postJson(
  url: string,
  headers: Record<string, string>,
  body: unknown,
  timeoutMs: number,
): Promise<Answered> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { response, text: await beginningOf(response) };
  } catch (error) {
    return { failure: networkFailure(error) };
  }
}

async function beginningOf({ body }: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  // Leaving the loop hangs up.
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    text += decoder.decode(chunk, { stream: true });
    if (bytes >= MOST_BYTES) break;
  }
  return text;
}

/** `Retry-After` in seconds, a day at most, where the answer has one. */
export function retryAfter(response: Response): { retryAfterSeconds?: number } {
  const seconds = Number(response.headers.get("retry-after") ?? "");
  return seconds > 0 ? { retryAfterSeconds: Math.min(Math.ceil(seconds), 86_400) } : {};
}

/** An answer as JSON; null where it is none. */
export function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What went wrong on the way; without the URL, whose path or query may be a secret. */
function networkFailure(error: unknown): string {
  return String(error).replace(/https?:\/\/[^\s]+/g, "[url]");
}

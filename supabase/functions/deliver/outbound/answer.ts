/** `Retry-After` in seconds, where the answer has one. */
export function retryAfter(response: Response): { retryAfterSeconds?: number } {
  const seconds = Number(response.headers.get("retry-after") ?? "");
  return Number.isInteger(seconds) && seconds > 0 ? { retryAfterSeconds: seconds } : {};
}

/** What went wrong on the way; without the URL, whose path or query may be a secret. */
export function networkFailure(error: unknown): string {
  return String(error).replace(/https?:\/\/[^\s]+/g, "[url]");
}

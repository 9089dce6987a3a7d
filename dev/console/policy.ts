/**
 * What the console's page may do: run its own scripts, show its own styles and images that stand in
 * a document, and ask its project. Nothing from elsewhere, nothing that stands in the page.
 */
export function policyOf(projectUrl: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${new URL(projectUrl).origin}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}

/** What a host sends with every file. A policy within a page cannot forbid frames around it. */
export function headersOf(projectUrl: string): Readonly<Record<string, string>> {
  return {
    "content-security-policy": `${policyOf(projectUrl)}; frame-ancestors 'none'`,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "cross-origin-opener-policy": "same-origin",
  };
}

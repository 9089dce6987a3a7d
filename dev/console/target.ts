import { Buffer } from "node:buffer";

/** The project that a console asks; both values are public. */
export interface ConsoleTarget {
  readonly url: string;
  readonly publishableKey: string;
}

/** Why a console cannot be built with these values, or null. Everybody could read the key in it. */
export function targetProblem({ url, publishableKey }: ConsoleTarget): string | null {
  if (!URL.canParse(url) || !/^https?:/.test(url)) return `${url} is no address of a project`;
  return isSecret(publishableKey)
    ? "The key is a secret one: everybody could read it in the console. Use the publishable key"
    : null;
}

/** A key of the new form says what it is; a legacy one is a token whose role says it. */
function isSecret(key: string): boolean {
  if (key.startsWith("sb_")) return !key.startsWith("sb_publishable_");
  const payload = Buffer.from(key.split(".")[1] ?? "", "base64url").toString("utf8");
  return payload.includes("service_role");
}

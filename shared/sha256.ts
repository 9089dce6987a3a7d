import { createHash } from "node:crypto";

/** SHA-256 of bytes, or of text as UTF-8, in hexadecimal unless another encoding is asked for. */
export function sha256Of(
  content: string | Uint8Array,
  encoding: "hex" | "base64url" = "hex",
): string {
  return createHash("sha256").update(content).digest(encoding);
}

import { sha256Of } from "../../../shared/sha256.ts";
import type { DeliveryOutcome } from "../_shared/outbound/outcome.ts";
import type { FileStore } from "../_shared/outbound/storage.ts";

/**
 * Stores a document's file once. A try that died after storing it finds it there and compares; a
 * file that differs is never overwritten.
 */
export async function fileOnce(
  files: FileStore,
  { path, bytes, contentType }: {
    readonly path: string;
    readonly bytes: Uint8Array;
    readonly contentType: string;
  },
): Promise<DeliveryOutcome> {
  const sha256 = sha256Of(bytes);
  if (!await files.create(path, bytes, contentType)) {
    const stored = sha256Of(await files.read(path));
    if (stored !== sha256) {
      return { kind: "dead", error: `${path} is there already, with SHA-256 ${stored}` };
    }
  }
  return { kind: "done", externalId: path, details: { path, sha256, bytes: bytes.length } };
}

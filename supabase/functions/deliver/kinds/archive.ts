import { sha256Of } from "../../../../shared/sha256.ts";
import { type LoadDocument, pdfName, type PdfRenderer } from "../documents.ts";
import type { FileStore } from "../../_shared/outbound/storage.ts";
import type { DeliveryJob } from "../types.ts";
import type { DeliveryOutcome } from "../../_shared/outbound/outcome.ts";

/**
 * Files the PDF as `<client>/<number>.pdf`, once. A try that died after filing it finds it there
 * and compares; a file that differs is never overwritten.
 */
export async function archivePdf(
  job: DeliveryJob,
  ports: {
    readonly loadDocument: LoadDocument;
    readonly renderer: PdfRenderer;
    readonly files: FileStore;
  },
): Promise<DeliveryOutcome> {
  const subject = await ports.loadDocument(job);
  if (subject === null) return { kind: "dead", error: "there is no document to archive" };
  const bytes = await ports.renderer.render(subject);
  const path = `${subject.clientId}/${pdfName(subject)}`;
  const sha256 = sha256Of(bytes);
  if (!await ports.files.create(path, bytes, "application/pdf")) {
    const stored = sha256Of(await ports.files.read(path));
    if (stored !== sha256) {
      return { kind: "dead", error: `${path} is there already, with SHA-256 ${stored}` };
    }
  }
  return { kind: "done", externalId: path, details: { path, sha256, bytes: bytes.length } };
}

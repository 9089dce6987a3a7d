import { fileOnce } from "../file-once.ts";
import { type LoadDocument, pdfName, type PdfRenderer } from "../documents.ts";
import type { FileStore } from "../../_shared/outbound/storage.ts";
import type { DeliveryKindModule } from "../kind.ts";
import type { DeliveryJob } from "../types.ts";
import type { DeliveryOutcome } from "../../_shared/outbound/outcome.ts";

export const kind: DeliveryKindModule = {
  portion: 2,
  open: (ports) => ({ handler: (job) => archivePdf(job, ports) }),
};

/** Files the PDF as `<client>/<number>.pdf`, once. */
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
  return await fileOnce(ports.files, {
    path: `${subject.clientId}/${pdfName(subject)}`,
    bytes,
    contentType: "application/pdf",
  });
}

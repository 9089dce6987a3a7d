import { boundJson } from "../../../../shared/document/bounds.ts";
import { documentName, type LoadDocument } from "../documents.ts";
import { fileOnce } from "../file-once.ts";
import type { FileStore } from "../../_shared/outbound/storage.ts";
import type { DeliveryKindModule } from "../kind.ts";
import type { DeliveryJob } from "../types.ts";
import type { DeliveryOutcome } from "../../_shared/outbound/outcome.ts";

export const kind: DeliveryKindModule = {
  portion: 4,
  open: (ports) => ({ handler: (job) => fileJson(job, ports) }),
};

/** Files the document of an invoice or a credit note as `<client>/<number>.json`, as issued. */
export async function fileJson(
  job: DeliveryJob,
  ports: { readonly loadDocument: LoadDocument; readonly files: FileStore },
): Promise<DeliveryOutcome> {
  const subject = await ports.loadDocument(job);
  if (subject === null) return { kind: "dead", error: "there is no document to file" };
  return await fileOnce(ports.files, {
    path: `${subject.clientId}/${documentName(subject, "json")}`,
    bytes: new TextEncoder().encode(`${JSON.stringify(boundJson(subject.document), null, 2)}\n`),
    contentType: "application/json",
  });
}

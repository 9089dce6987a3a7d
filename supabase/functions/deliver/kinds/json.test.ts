import assert from "node:assert/strict";
import { acme } from "../../../../shared/document/samples.ts";
import type { DeliveredDocument } from "../documents.ts";
import type { DeliveryJob } from "../types.ts";
import { fileJson } from "./json.ts";

const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";
const job: DeliveryJob = {
  id: "1",
  kind: "json",
  event: "invoice_issued",
  dedupe_key: `invoice_issued:${ID}:json`,
  client_id: ID,
  invoice_id: ID,
  credit_note_id: null,
  payload: {},
  lease: ID,
  attempts: 1,
};
const subject: DeliveredDocument = {
  document: acme,
  number: "INV-2026-000001",
  clientId: ID,
  status: "open",
  amountDueMinor: 100,
  email: null,
  paymentUrl: null,
  stripeInvoiceId: null,
  bankTransfer: [],
  paymentPageUrl: null,
};

function withFiles(document: DeliveredDocument | null = subject) {
  const stored = new Map<string, Uint8Array>();
  const file = () =>
    fileJson(job, {
      loadDocument: () => Promise.resolve(document),
      files: {
        create: (path, bytes) => {
          const free = !stored.has(path);
          if (free) stored.set(path, bytes);
          return Promise.resolve(free);
        },
        read: (path) => Promise.resolve(stored.get(path) ?? new Uint8Array()),
      },
    });
  return { file, stored };
}

Deno.test("the document is filed as JSON beside the PDF, once", async () => {
  const { file, stored } = withFiles();
  const path = `${ID}/INV-2026-000001.json`;
  const first = await file();
  assert.equal(first.kind, "done");
  assert.deepEqual(JSON.parse(new TextDecoder().decode(stored.get(path))), acme);
  assert.deepEqual(await file(), first);
  assert.equal(stored.size, 1);
});

Deno.test("a file that differs stays, and without a document there is nothing to file", async () => {
  const { file, stored } = withFiles();
  stored.set(`${ID}/INV-2026-000001.json`, new Uint8Array([123, 125]));
  assert.match(JSON.stringify(await file()), /dead.*is there already, with SHA-256/);
  assert.equal(stored.size, 1);
  assert.equal((await withFiles(null).file()).kind, "dead");
});

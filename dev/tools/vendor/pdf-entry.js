// What the product uses of pdfmake and bidi-js; bundle.mjs makes one module of it.
import { Buffer } from "node:buffer";
import Printer from "pdfmake/js/Printer.js";
import bidi from "bidi-js";

export { bidi };

export async function printPdf(definition, fonts) {
  // pdfmake wants fonts as names of files: these exist in memory only.
  const files = new Map();
  const descriptors = {};
  for (const [family, styles] of Object.entries(fonts)) {
    descriptors[family] = {};
    for (const [style, bytes] of Object.entries(styles)) {
      files.set(`${family}/${style}`, bytes);
      descriptors[family][style] = `${family}/${style}`;
    }
  }
  const disk = { existsSync: (name) => files.has(name), readFileSync: (name) => files.get(name) };
  const urls = { resolve() {}, resolved: () => Promise.resolve() };
  const printer = new Printer.default(descriptors, disk, urls, () => false);
  const pdf = await printer.createPdfKitDocument(definition);
  return await collect(pdf);
}

function collect(pdf) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    pdf.on("data", (chunk) => chunks.push(chunk));
    pdf.on("end", () => resolve(Uint8Array.from(Buffer.concat(chunks))));
    pdf.on("error", reject);
    pdf.end();
  });
}

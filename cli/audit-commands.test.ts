import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { auditCsv } from "../shared/audit-csv.ts";
import { chainVerifier } from "./audit-commands.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** Three entries, sealed as the database does it. */
function entries(contents = ["a", "b", "c"]) {
  let previous: Uint8Array = new Uint8Array();
  return contents.map((content, place) => {
    const inner = sha256(Buffer.from(content));
    previous = sha256(Buffer.concat([previous, inner]));
    return {
      position: String(place + 1),
      content,
      content_hash: inner.toString("hex"),
      hash: Buffer.from(previous).toString("hex"),
      erased: false,
    };
  });
}

function firstFinding(exported: ReturnType<typeof entries>): string | undefined {
  const verify = chainVerifier();
  return exported.map((entry) => verify(entry)).find((finding) => finding !== null) ?? undefined;
}

Deno.test("an export is verified without the database that it comes from", () => {
  const changed = (change: object) =>
    firstFinding(
      entries().map((entry) => entry.position === "2" ? { ...entry, ...change } : entry),
    );
  deepStrictEqual(firstFinding(entries()), undefined);
  deepStrictEqual(changed({ content: "B" }), "the entry of position 2 was changed");
  deepStrictEqual(changed({ content: "B", erased: true }), undefined);
  deepStrictEqual(
    changed({ content_hash: "00".repeat(32), erased: true }),
    "the hash of position 2 does not follow from the one before",
  );
  deepStrictEqual(firstFinding(entries().toSpliced(1, 1)), "position 2 is missing");
});

/** Cells of lines of CSV without line breaks in them. */
const cellsOf = (csv: string) =>
  csv.trimEnd().split("\r\n").map((line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
      quoted === undefined ? plain : quoted.replaceAll('""', '"')
    )
  );

Deno.test("an export as CSV is verified from the file, and no cell of it is a formula", () => {
  const acts = ["=HYPERLINK(1)", "@x", "plain"].map((actor, id) =>
    JSON.stringify({ id, at: "2026-06-01", actor, operation: "insert", after: { why: 'a "b", c' } })
  );
  const csv = auditCsv(entries(acts), { head: true });
  strictEqual(csv, auditCsv([], { head: true }) + auditCsv(entries(acts), { head: false }));
  const [head = [], ...rows] = cellsOf(csv);
  const column = (name: string, row: readonly (string | undefined)[]) => row[head.indexOf(name)];
  const read = rows.map((row) => ({
    position: column("position", row) ?? "",
    content: column("content", row) ?? "",
    content_hash: column("content_hash", row) ?? "",
    hash: column("hash", row) ?? "",
    erased: column("erased", row) === "true",
  }));
  deepStrictEqual(read, entries(acts));
  strictEqual(firstFinding(read), undefined);
  deepStrictEqual(rows.map((row) => column("actor", row)), ["'=HYPERLINK(1)", "'@x", "plain"]);
  for (const cell of rows.flat()) match(cell ?? "", /^(?![=+\-@\t\r])/);
});

Deno.test("an entry that was removed has no cells but its position and hashes", () => {
  const [first] = entries(["x"]);
  const csv = auditCsv(first === undefined ? [] : [{ ...first, content: null }], { head: false });
  deepStrictEqual(cellsOf(csv)[0]?.slice(1, 7), ["", "", "", "", "", ""]);
});

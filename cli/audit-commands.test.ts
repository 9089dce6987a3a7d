import { deepStrictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { chainVerifier } from "./audit-commands.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();

/** Three entries, sealed as the database does it. */
function entries() {
  let previous: Uint8Array = new Uint8Array();
  return ["a", "b", "c"].map((content, place) => {
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

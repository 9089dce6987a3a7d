import fc from "fast-check";
import type { Attack, Attacks, Knowledge } from "../attack.ts";

/** In the name of each file that attackers try to store, and of no other. */
export const HOSTILE_FILE = "hostile";

const OBJECT = "/storage/v1/object";
const BUCKETS = ["invoices", "usage-logs"];

type Try = Pick<Attack, "method" | "path"> & Partial<Pick<Attack, "headers" | "body">>;

/** Files past the functions: reads, links, lists, writes, copies and moves in private buckets. */
export const storage: Attacks = (knowledge) =>
  fc.record({
    one: fc.constantFrom(...reads(knowledge), ...links(knowledge), ...writes(knowledge)),
    caller: fc.constantFrom(...["anon", "member", "outsider", "keyed", "signed"] as const),
  }).map(({ one: { method, path, headers = {}, body }, caller }): Attack => ({
    concern: "storage",
    caller,
    method,
    path,
    headers,
    ...body === undefined ? {} : { body },
  }));

function reads({ ownFile, victimFile }: Knowledge): Try[] {
  const kinds = ["", "/authenticated", "/public", "/info", "/info/authenticated"];
  return [
    ...kinds.map((kind) => ({ method: "GET", path: `${OBJECT}${kind}/invoices/${victimFile}` })),
    ...kinds.map((kind) => ({
      method: "GET",
      path: `${OBJECT}${kind}/invoices/${ownFile}%2f..%2f..%2f${victimFile}`,
    })),
    ...BUCKETS.map((bucket) => ({
      method: "POST",
      path: `${OBJECT}/list/${bucket}`,
      ...json({ prefix: folderOf(victimFile), limit: 1000, offset: 0 }),
    })),
  ];
}

/** Tokens of links: of another file, changed, unsigned, and none. */
function links({ victimFile, fileToken, forged }: Knowledge): Try[] {
  const [head = "", payload = "", signature = ""] = fileToken.split(".");
  const changed = btoa(JSON.stringify({ url: `invoices/${victimFile}`, exp: 4e9 }));
  const tokens = [
    fileToken,
    `${fileToken}x`,
    `${head}.${payload}.`,
    `${head}.${changed}.${signature}`,
    "",
    ...forged.filter((one) => one.length < 2000),
  ];
  return [
    ...tokens.map((token) => ({
      method: "GET",
      path: `${OBJECT}/sign/invoices/${victimFile}?token=${encodeURIComponent(token)}`,
    })),
    {
      method: "POST",
      path: `${OBJECT}/sign/invoices/${victimFile}`,
      ...json({ expiresIn: 3600 }),
    },
    {
      method: "POST",
      path: `${OBJECT}/upload/sign/invoices/${hostileOf(victimFile)}`,
      ...json({}),
    },
  ];
}

function writes({ victimFile }: Knowledge): Try[] {
  const hostile = hostileOf(victimFile);
  const pdf = { "content-type": "application/pdf" };
  return [
    ...BUCKETS.flatMap((bucket): Try[] => [
      { method: "POST", path: `${OBJECT}/${bucket}/${hostile}`, headers: pdf, body: "%PDF-" },
      { method: "PUT", path: `${OBJECT}/${bucket}/${hostile}`, headers: pdf, body: "%PDF-" },
      { method: "DELETE", path: `${OBJECT}/${bucket}`, ...json({ prefixes: [victimFile] }) },
      { method: "DELETE", path: `/storage/v1/bucket/${bucket}`, ...json({}) },
      { method: "POST", path: `/storage/v1/bucket/${bucket}/empty`, ...json({}) },
      { method: "PUT", path: `/storage/v1/bucket/${bucket}`, ...json({ public: true }) },
    ]),
    { method: "PUT", path: `${OBJECT}/invoices/${victimFile}`, headers: pdf, body: "%PDF-" },
    {
      method: "POST",
      path: `${OBJECT}/invoices/${victimFile}`,
      headers: { ...pdf, "x-upsert": "true" },
      body: "%PDF-",
    },
    { method: "DELETE", path: `${OBJECT}/invoices/${victimFile}` },
    ...["copy", "move"].map((act) => ({
      method: "POST",
      path: `${OBJECT}/${act}`,
      ...json({ bucketId: "invoices", sourceKey: victimFile, destinationKey: hostile }),
    })),
  ];
}

function json(value: unknown) {
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

function folderOf(file: string): string {
  return file.split("/")[0] ?? "";
}

function hostileOf(file: string): string {
  return `${folderOf(file)}/${HOSTILE_FILE}.pdf`;
}

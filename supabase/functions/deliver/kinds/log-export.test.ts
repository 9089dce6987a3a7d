import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { logExporter, type LogLines, type StoredLogs } from "./log-export.ts";
import type { DeliveryJob } from "../types.ts";

const job: DeliveryJob = {
  id: "1",
  kind: "log_export",
  event: "log_export",
  dedupe_key: "log_export:2025-01-01:7",
  client_id: null,
  invoice_id: null,
  credit_note_id: null,
  payload: { month: "2025-01-01", part: 7 },
  lease: "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa",
  attempts: 1,
};

/** A bucket and the tables, in memory; `spoil` is what the bucket makes of a file. */
function world(
  lines: string | null,
  spoil = (bytes: Uint8Array) => bytes,
  before: StoredLogs | null = null,
) {
  const files = new Map<string, Uint8Array>();
  const saved: StoredLogs[] = [];
  const exporter = logExporter({
    files: {
      create: (path, bytes) => {
        if (files.has(path)) return Promise.resolve(false);
        files.set(path, spoil(bytes));
        return Promise.resolve(true);
      },
      read: (path) => Promise.resolve(files.get(path) ?? new Uint8Array()),
    },
    logs: {
      read: (): Promise<LogLines | null> =>
        Promise.resolve(lines === null ? null : { lines, log_count: "2", checksum: "99" }),
      save: (_part, _lines, stored) => Promise.resolve(void saved.push(stored)),
      stored: () => Promise.resolve(before),
    },
    now: () => performance.now(),
  });
  return { exporter, files, saved };
}

Deno.test("lines are filed, read back, and only then noted", async () => {
  const { exporter, files, saved } = world('{"a":1}\n{"a":"ü"}\n');
  assert.equal((await exporter.store(job)).kind, "done");
  const [[path, bytes] = ["", new Uint8Array()]] = [...files];
  assert.match(path, /^2025-01\/000007-[0-9a-f]{16}\.ndjson\.gz$/);
  assert.equal(gunzipSync(bytes).toString(), '{"a":1}\n{"a":"ü"}\n');
  assert.equal(saved[0]?.path, path);
  assert.ok(exporter.spent() > 0);
});

Deno.test("a try after one that died finds its file", async () => {
  const { exporter, files, saved } = world('{"a":1}\n');
  await exporter.store(job);
  assert.equal((await exporter.store(job)).kind, "done");
  assert.equal(files.size, 1);
  assert.equal(saved.length, 2);
});

Deno.test("a file that reads back otherwise is not noted as stored", async () => {
  const another = world('{"a":2}\n');
  await another.exporter.store(job);
  const [file = new Uint8Array()] = another.files.values();
  const other = world('{"a":1}\n', () => file);
  assert.equal((await other.exporter.store(job)).kind, "dead");
  const torn = world('{"a":1}\n', (bytes) => bytes.slice(0, -9));
  assert.equal((await torn.exporter.store(job)).kind, "dead");
  assert.deepEqual([...other.saved, ...torn.saved], []);
});

Deno.test("with nothing left to store it is skipped; without a month it is dead", async () => {
  const { exporter } = world(null);
  assert.equal((await exporter.store(job)).kind, "skipped");
  assert.equal((await exporter.store({ ...job, payload: { part: 1 } })).kind, "dead");
});

Deno.test("a part that a try stored after it was given up is done", async () => {
  const before = { path: "2025-01/000007-0123456789abcdef.ndjson.gz", sha256: "ab", bytes: 9 };
  const { exporter, files } = world(null, undefined, before);
  assert.deepEqual(await exporter.store(job), {
    kind: "done",
    externalId: before.path,
    details: before,
  });
  assert.equal(files.size, 0);
});

import { z } from "zod";
import { sha256Of } from "../../../../shared/sha256.ts";
import type { FileStore } from "../../_shared/outbound/storage.ts";
import type { DeliveryKindModule } from "../kind.ts";
import type { DeliveryJob } from "../types.ts";
import type { DeliveryOutcome } from "../../_shared/outbound/outcome.ts";

export const kind: DeliveryKindModule = {
  portion: 1,
  open: ({ exporter }) => ({ handler: (job) => exporter.store(job) }),
};

/** Lines of a part of a month's logs, with what tells whether the rows are still those. */
export interface LogLines {
  /** A JSON object per line and log row, each line ended by `\n`. */
  readonly lines: string;
  readonly log_count: string;
  /** Sum of the lines' hashes, by the database. */
  readonly checksum: string;
}

/** A file that has been stored and read back. `sha256` is that of the uncompressed lines. */
export interface StoredLogs {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** A part of a month: `month` is its first day, parts count from 1. */
export interface LogPart {
  readonly month: string;
  readonly part: number;
}

/** The database's side. Each call is one statement; rejects when it does not answer. */
export interface LogExports {
  /** Null when there is nothing (left) to store. */
  read(part: LogPart): Promise<LogLines | null>;
  save(part: LogPart, lines: LogLines, stored: StoredLogs): Promise<void>;
  /** The file of a part that has been saved; null while it has none. */
  stored(part: LogPart): Promise<StoredLogs | null>;
}

const payload = z.object({ month: z.iso.date(), part: z.int().positive() });

/** Stores parts of months of logs, and knows what that has cost. */
export interface LogExporter {
  store(job: DeliveryJob): Promise<DeliveryOutcome>;
  /** Milliseconds spent on compressing and comparing, an upper bound of the CPU's. */
  spent(): number;
}

/**
 * Files a part as `<year>-<month>/<part>-<digest>.ndjson.gz`, reads it back and compares every
 * byte, and only then notes it as stored: the rows will be removed for it. Another try finds the
 * file and does the same; rows that have changed make another file.
 */
export function logExporter(
  { files, logs, now }: {
    readonly files: FileStore;
    readonly logs: LogExports;
    readonly now: () => number;
  },
): LogExporter {
  let spent = 0;
  const timed = async <T>(work: () => Promise<T>): Promise<T> => {
    const start = now();
    try {
      return await work();
    } finally {
      spent += now() - start;
    }
  };
  return {
    spent: () => spent,
    store: async (job) => {
      const parsed = payload.safeParse(job.payload);
      if (!parsed.success) {
        return { kind: "dead", error: `payload: ${z.prettifyError(parsed.error)}` };
      }
      const part = parsed.data;
      const lines = await logs.read(part);
      if (lines === null) {
        // A try that was given up as too slow may have stored it after that.
        const before = await logs.stored(part);
        if (before !== null) return { kind: "done", externalId: before.path, details: before };
        return { kind: "skipped", error: "there is nothing left to store" };
      }
      const sha256 = sha256Of(lines.lines);
      const file = await timed(() => compress(lines.lines));
      const path = pathOf(part, sha256);
      await files.create(path, file, "application/gzip");
      const back = await files.read(path);
      const found = await timed(() => digestOfFile(back));
      if (found !== sha256) {
        return { kind: "dead", error: `${path} reads back otherwise: SHA-256 ${found}` };
      }
      const stored = { path, sha256, bytes: back.length };
      await logs.save(part, lines, stored);
      return { kind: "done", externalId: path, details: stored };
    },
  };
}

function pathOf({ month, part }: LogPart, sha256: string): string {
  const number = String(part).padStart(6, "0");
  return `${month.slice(0, 7)}/${number}-${sha256.slice(0, 16)}.ndjson.gz`;
}

async function compress(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Of what is inside; says so where nothing can be unpacked. */
async function digestOfFile(file: Uint8Array): Promise<string> {
  const stream = new Blob([new Uint8Array(file)]).stream().pipeThrough(
    new DecompressionStream("gzip"),
  );
  try {
    const content = new Uint8Array(await new Response(stream).arrayBuffer());
    return sha256Of(content);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

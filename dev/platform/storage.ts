import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { z } from "zod";
import type { App } from "@supabase/lite";

type StorageAdapter = NonNullable<App["_storageAdapter"]>;
interface StoredFile {
  bytes: Uint8Array<ArrayBuffer>;
  metadata: Awaited<ReturnType<StorageAdapter["headObject"]>>;
}

/** Where files are written as well as kept in memory; `load` reads what is there. */
interface FileDirectory {
  load(): Map<string, StoredFile>;
  save(name: string, file: StoredFile): void;
  remove(name: string): void;
}

const NOWHERE: FileDirectory = { load: () => new Map(), save: () => {}, remove: () => {} };

/**
 * Where the Storage API keeps the bytes of its objects: in memory, gone with the platform, as its
 * database is; in `directory` too where one is given. Names, owners and access are the API's own
 * business, in schema `storage`.
 */
export function memoryStorage(directory?: string): StorageAdapter {
  const disk = directory === undefined ? NOWHERE : fileDirectory(directory);
  const files = disk.load();
  const keep = (name: string, file: StoredFile) => {
    disk.save(name, file);
    files.set(name, file);
  };
  const drop = (name: string) => {
    disk.remove(name);
    files.delete(name);
  };
  const nameOf = (bucket: string, key: string) => `${bucket}/${key}`;
  const find = (bucket: string, key: string): StoredFile => {
    const file = files.get(nameOf(bucket, key));
    if (file === undefined) throw new Error(`no object ${key} in bucket ${bucket}`);
    return file;
  };
  return {
    driver: undefined,
    getObject: (bucket, key) => {
      const { bytes, metadata } = find(bucket, key);
      return Promise.resolve({ metadata, httpStatusCode: 200, body: Buffer.from(bytes) });
    },
    uploadObject: async (bucket, key, _version, body, mimetype, cacheControl) => {
      const bytes = await readAll(body);
      // What a client leaves that died while it sent. Storage keeps versions apart, this does not.
      if (bytes.length === 0) throw new Error(`an empty body for ${key}`);
      const digest = await crypto.subtle.digest("SHA-256", bytes);
      const metadata = {
        cacheControl,
        contentLength: bytes.length,
        size: bytes.length,
        mimetype,
        lastModified: new Date(),
        eTag: `"${Buffer.from(digest).toString("hex")}"`,
        httpStatusCode: 200,
      };
      keep(nameOf(bucket, key), { bytes, metadata });
      return metadata;
    },
    deleteObject: (bucket, key) => {
      drop(nameOf(bucket, key));
      return Promise.resolve();
    },
    deleteObjects: (bucket, keys) => {
      for (const key of keys) drop(nameOf(bucket, key));
      return Promise.resolve();
    },
    copyObject: (bucket, key, _version, toBucket, toKey) => {
      const file = find(bucket, key);
      keep(nameOf(toBucket, toKey), file);
      return Promise.resolve(file.metadata);
    },
    headObject: (bucket, key) => Promise.resolve(find(bucket, key).metadata),
    privateAssetUrl: (bucket, key) => Promise.resolve(`memory://${nameOf(bucket, key)}`),
  };
}

const Note = z.object({
  name: z.string(),
  metadata: z.object({
    cacheControl: z.string(),
    contentLength: z.int(),
    size: z.int(),
    mimetype: z.string(),
    lastModified: z.coerce.date(),
    eTag: z.string(),
    httpStatusCode: z.int(),
  }),
});

/** Two files for each: the bytes, and a note of what they are, which is written last. */
function fileDirectory(directory: string): FileDirectory {
  const pathOf = (name: string) => join(directory, createHash("sha256").update(name).digest("hex"));
  return {
    load: () => {
      const files = new Map<string, StoredFile>();
      for (const { name: entry } of Deno.readDirSync(directory)) {
        if (!entry.endsWith(".json")) continue;
        const { name, metadata } = Note.parse(
          JSON.parse(Deno.readTextFileSync(join(directory, entry))),
        );
        files.set(name, { bytes: Deno.readFileSync(pathOf(name)), metadata });
      }
      return files;
    },
    save: (name, { bytes, metadata }) => {
      Deno.writeFileSync(pathOf(name), bytes);
      Deno.writeTextFileSync(`${pathOf(name)}.json`, JSON.stringify({ name, metadata }));
    },
    remove: (name) => {
      for (const path of [`${pathOf(name)}.json`, pathOf(name)]) {
        try {
          Deno.removeSync(path);
        } catch (error) {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        }
      }
    },
  };
}

/** Bytes as they are; a stream, of whichever kind, read to its end. */
async function readAll(
  body: Parameters<StorageAdapter["uploadObject"]>[3],
): Promise<Uint8Array<ArrayBuffer>> {
  if (body instanceof Uint8Array) return new Uint8Array(body);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of body) chunks.push(new Uint8Array(chunk));
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

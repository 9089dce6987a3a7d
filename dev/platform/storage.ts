import { Buffer } from "node:buffer";
import type { App } from "@supabase/lite";

type StorageAdapter = NonNullable<App["_storageAdapter"]>;
interface StoredFile {
  bytes: Uint8Array<ArrayBuffer>;
  metadata: Awaited<ReturnType<StorageAdapter["headObject"]>>;
}

/**
 * Where the Storage API keeps the bytes of its objects: in memory, gone with the platform, as its
 * database is. Names, owners and access are the API's own business, in schema `storage`.
 */
export function memoryStorage(): StorageAdapter {
  const files = new Map<string, StoredFile>();
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
      files.set(nameOf(bucket, key), { bytes, metadata });
      return metadata;
    },
    deleteObject: (bucket, key) => {
      files.delete(nameOf(bucket, key));
      return Promise.resolve();
    },
    deleteObjects: (bucket, keys) => {
      for (const key of keys) files.delete(nameOf(bucket, key));
      return Promise.resolve();
    },
    copyObject: (bucket, key, _version, toBucket, toKey) => {
      const file = find(bucket, key);
      files.set(nameOf(toBucket, toKey), file);
      return Promise.resolve(file.metadata);
    },
    headObject: (bucket, key) => Promise.resolve(find(bucket, key).metadata),
    privateAssetUrl: (bucket, key) => Promise.resolve(`memory://${nameOf(bucket, key)}`),
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

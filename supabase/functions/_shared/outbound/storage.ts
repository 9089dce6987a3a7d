import type { SupabaseClient } from "@supabase/supabase-js";

/** The private bucket of migration `invoice_bucket`. */
export const INVOICE_BUCKET = "invoices";

/** The private bucket of migration `log_retention`. */
export const LOG_BUCKET = "usage-logs";

/** Behind `max-age=`: a link that was signed for minutes leaves nothing in a cache for an hour. */
const UNCACHED = "0, private, no-store";

/** A private folder of files that are written once. Rejects when the store does not answer. */
export interface FileStore {
  /** False when there is a file of that name already, which stays as it is. */
  create(path: string, bytes: Uint8Array, contentType: string): Promise<boolean>;
  read(path: string): Promise<Uint8Array>;
}

/** A bucket of Supabase Storage. Needs the rights of the secret key. */
export function bucketStore(client: Pick<SupabaseClient, "storage">, bucket: string): FileStore {
  const files = client.storage.from(bucket);
  return {
    create: async (path, bytes, contentType) => {
      const { data, error } = await files.upload(path, bytes, {
        contentType,
        upsert: false,
        cacheControl: UNCACHED,
      });
      // A success that does not name the file is a proxy's answer: it has stored nothing.
      if (error === null) {
        if (data.fullPath === `${bucket}/${path}`) return true;
        throw new Error(`storing ${bucket}/${path}: the answer does not name the file`);
      }
      if (/exists/i.test(error.message)) return false;
      throw new Error(`storing ${bucket}/${path}: ${error.message}`);
    },
    read: async (path) => {
      const { data, error } = await files.download(path);
      if (error) throw new Error(`reading ${bucket}/${path}: ${error.message}`);
      return new Uint8Array(await data.arrayBuffer());
    },
  };
}

/**
 * Signs links to files of a bucket: each opens without credentials for so many seconds and is saved
 * under the given name. Needs the rights of the secret key; rejects when there is no such file.
 */
export function linkSigner(client: Pick<SupabaseClient, "storage">, bucket: string) {
  return async (path: string, seconds: number, filename: string): Promise<string> => {
    const { data, error } = await client.storage.from(bucket)
      .createSignedUrl(path, seconds, { download: filename });
    if (error) throw new Error(`signing ${bucket}/${path}: ${error.message}`);
    return data.signedUrl;
  };
}

import type { SupabaseClient } from "@supabase/supabase-js";
import type { FileStore } from "./deliveries/archive.ts";

/** A bucket of Supabase Storage. Needs the rights of the secret key. */
export function bucketStore(client: Pick<SupabaseClient, "storage">, bucket: string): FileStore {
  const files = client.storage.from(bucket);
  return {
    create: async (path, bytes, contentType) => {
      const { error } = await files.upload(path, bytes, { contentType, upsert: false });
      if (error === null) return true;
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

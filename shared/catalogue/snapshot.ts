/** LiteLLM's price map of November 2026, price fields only; see LICENSE-litellm.md. */
export const SNAPSHOT_FILE = "litellm-1.110.2.json.gz";
/** When it was published. */
export const SNAPSHOT_FETCHED_AT = "2026-11-29T00:00:00Z";

export const snapshotUrl = new URL(`./${SNAPSHOT_FILE}`, import.meta.url);

/** The text in a file that may be packed by gzip. */
export async function unpacked(bytes: Uint8Array): Promise<string> {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const plain = new Blob([new Uint8Array(bytes)]).stream();
  return await new Response(
    isPacked ? plain.pipeThrough(new DecompressionStream("gzip")) : plain,
  ).text();
}

import { SourceUnreadable } from "../../../../shared/catalogue/list-price.ts";
import { type AnswerBounds, boundedFetch } from "../../_shared/outbound/bounded-fetch.ts";

/**
 * The largest source has 3.5 MB; a third of a second of CPU reads it. Twice that is still a source.
 */
export const PRICE_SOURCE_BOUNDS: AnswerBounds = { bytes: 8_000_000, withinMs: 30_000 };

/** What a source sent, and its text. */
export interface SourceText {
  readonly raw: Uint8Array;
  readonly text: string;
}

/**
 * Fetches a source of list prices. Throws `SourceUnreadable` where it does not answer 200 in time
 * with so many bytes of UTF-8. Redirections are not followed: prices come from where an operator
 * says.
 */
export async function fetchPriceSource(
  url: string,
  bounds: AnswerBounds = PRICE_SOURCE_BOUNDS,
): Promise<SourceText> {
  const raw = await read(url, bounds);
  try {
    return { raw, text: new TextDecoder("utf-8", { fatal: true }).decode(raw) };
  } catch {
    throw new SourceUnreadable("it is not UTF-8");
  }
}

async function read(url: string, bounds: AnswerBounds): Promise<Uint8Array> {
  try {
    const response = await boundedFetch(bounds)(url, {
      redirect: "manual",
      headers: { accept: "application/json" },
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new SourceUnreadable(`it answered ${response.status}`);
    }
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (error instanceof SourceUnreadable) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new SourceUnreadable(`it does not answer: ${message.slice(0, 200)}`);
  }
}

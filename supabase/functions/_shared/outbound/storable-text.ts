import { withoutSecrets } from "../log/redact.ts";

/** Characters of a text of others that are kept. */
const MOST_CHARACTERS = 2000;

/**
 * Text of a service that Postgres stores: without NUL, without halves of surrogate pairs and without
 * our secrets, of a bounded length. Other characters become the replacement character.
 */
export function storableText(text: string): string {
  return withoutSecrets(text.slice(0, 10 * MOST_CHARACTERS)).slice(0, MOST_CHARACTERS)
    .toWellFormed().replaceAll("\0", "\ufffd");
}

import type { Session } from "./session.ts";

/** A piece of a long text, and how the one after it is read; null after the last. */
export interface Piece {
  readonly text: string;
  readonly next: NextPiece | null;
}

/** Reads a piece in a session of its own: no connection waits for the caller to take the text. */
export type NextPiece = (session: Session) => Promise<Piece>;

/**
 * A text from its first piece on; each further one is read when the one before is taken. Where one
 * fails the text breaks off: a caller never takes a part for the whole.
 */
export function inPieces(
  first: Piece,
  read: (next: NextPiece) => Promise<Piece>,
  reportError: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let { next } = first;
  return new ReadableStream({
    start: (to) => to.enqueue(encoder.encode(first.text)),
    pull: async (to) => {
      if (next === null) return to.close();
      try {
        const piece = await read(next);
        next = piece.next;
        to.enqueue(encoder.encode(piece.text));
      } catch (error) {
        reportError(error);
        to.error(error);
      }
    },
  });
}

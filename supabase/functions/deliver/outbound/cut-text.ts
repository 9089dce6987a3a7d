/** Characters of a message for Telegram, which takes 4096; the rest is for what HERMES adds. */
export const TELEGRAM_CHARACTERS = 4000;

/** Characters of a message for another channel of HERMES, and of the text of a notice by mail. */
export const MESSAGE_CHARACTERS = 20_000;

/** Characters of a mail's subject. */
export const SUBJECT_CHARACTERS = 200;

/** A text of at most so many characters; by grapheme, because half of an emoji is another one. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(text.slice(0, most + 100))) {
    if (kept.length + segment.length >= most) break;
    kept += segment;
  }
  return `${kept}…`;
}

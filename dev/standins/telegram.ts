/**
 * What Telegram's Bot API does with a text whose `parse_mode` is HTML, as its page says
 * (https://core.telegram.org/bots/api#html-style and #sendmessage): only the tags named there; every
 * other `<`, `>` and `&` must be an entity; 1 to 4096 characters after parsing. Stricter in one
 * thing: Telegram forgives a bare `&` or `>`, the page does not.
 */
export type TelegramAnswer =
  | { readonly ok: true; readonly shown: string }
  | { readonly ok: false; readonly error_code: 400; readonly description: string };

const TAGS = new Set(
  ("b strong i em u ins s strike del span tg-spoiler a tg-emoji code pre blockquote").split(" "),
);
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"' };
const TOKEN = /<(\/?)([a-z][a-z-]*)((?:\s[^<>]*)?)>|&(?:#(\d+)|#x([0-9a-f]+)|([a-z]+));|[<>&]/gi;

/** The answer to `sendMessage`: what people are shown, or why it is refused. */
export function parseTelegramHtml(text: string): TelegramAnswer {
  const open: string[] = [];
  let error: string | null = null;
  const shown = text.replaceAll(TOKEN, (token: string, ...parts: unknown[]) => {
    const [slash, tag, , decimal, hex, name] = parts.map((part) =>
      typeof part === "string" ? part : ""
    );
    const offset = parts.find((part) => typeof part === "number");
    const refuse = (why: string) => {
      error ??= `Bad Request: can't parse entities: ${why} at byte offset ${String(offset)}`;
      return "";
    };
    if (tag) {
      if (!TAGS.has(tag.toLowerCase())) return refuse(`Unsupported start tag "${tag}"`);
      if (!slash) open.push(tag.toLowerCase());
      else if (open.pop() !== tag.toLowerCase()) return refuse(`Unexpected end tag "${tag}"`);
      return "";
    }
    if (decimal) return String.fromCodePoint(Number(decimal));
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (name) return ENTITIES[name] ?? refuse(`Unsupported entity "${name}"`);
    return refuse(`Unescaped "${token}"`);
  });
  if (open.length > 0) {
    error ??= `Bad Request: can't parse entities: Can't find end tag "${open.at(-1)}"`;
  }
  if (shown.length > 4096) error ??= "Bad Request: message is too long";
  if (shown.trim() === "") error ??= "Bad Request: message text is empty";
  return error === null ? { ok: true, shown } : { ok: false, error_code: 400, description: error };
}

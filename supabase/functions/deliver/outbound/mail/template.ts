import { Eta } from "eta/core";
import { isolatesAsMarkup } from "../../../../../shared/document/html.ts";
import { say, type Words } from "../../../../../shared/words/words.ts";

/** What a mail says, in order; all text is plain, the template escapes it. */
export interface MailContent {
  /** In which language, and in which direction it runs. */
  readonly words: Words;
  /** Whom it is from, at the top. */
  readonly brand: string;
  readonly title: string;
  readonly paragraphs: readonly string[];
  /** The one figure that matters, with what it is. */
  readonly figure: { readonly label: string; readonly value: string } | null;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  readonly button: { readonly label: string; readonly url: string } | null;
  readonly closing: readonly string[];
}

const eta = new Eta({ autoEscape: true, autoTrim: false, useWith: false, varName: "it" });

// Mail readers know tables and inline styles, and little else.
const page = eta.compile(`<!doctype html>
<html lang="<%= it.language %>"<% if (it.isToTheLeft) { %> dir="rtl"<% } %>><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light"><title><%= it.title %></title></head>
<body style="margin:0;padding:0;background:#eef0f3;color:#16202e;font-family:Inter,-apple-system,\
'Segoe UI',Roboto,'Noto Sans',sans-serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="background:#eef0f3">
<tr><td align="center" style="padding:32px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:560px;\
background:#ffffff;border-radius:6px"><tr><td style="padding:36px 40px 32px;font-size:15px;\
line-height:1.55">
<p style="margin:0 0 24px;font-size:15px;font-weight:650"><bdi><%= it.brand %></bdi></p>
<h1 style="margin:0 0 12px;font-size:23px;line-height:1.25;font-weight:650;\
<%= it.spacing("-0.01em") %>"><bdi><%= it.title %></bdi></h1>
<% for (const text of it.paragraphs) { %><p style="margin:0 0 12px;white-space:pre-line">\
<bdi><%= text %></bdi></p>
<% } %><% if (it.figure) { %><p style="margin:22px 0 2px;font-size:12px;font-weight:600;\
<%= it.spacing("0.05em") %>;text-transform:uppercase;color:#667085"><%= it.figure.label %></p>
<p style="margin:0 0 18px;font-size:30px;line-height:1.2;font-weight:650;\
<%= it.spacing("-0.015em") %>"><%= it.figure.value %></p>
<% } %><% if (it.button) { %><p style="margin:4px 0 22px"><a href="<%= it.button.url %>" \
style="display:inline-block;padding:11px 22px;border-radius:5px;background:#2f49c4;color:#ffffff;\
font-weight:600;text-decoration:none"><%= it.button.label %></a></p>
<% } %><% if (it.facts.length > 0) { %><table role="presentation" width="100%" cellpadding="0" \
cellspacing="0" style="border-top:1px solid #e3e7ed;font-size:14px">
<% for (const fact of it.facts) { %><tr><td style="padding:<%= it.isToTheLeft ? "9px 0 9px 12px" : "9px 12px 9px 0" %>;border-bottom:1px solid \
#e3e7ed;color:#667085;white-space:nowrap"><%= fact.label %></td><td align="<%= it.isToTheLeft ? "left" : "right" %>" \
style="padding:9px 0;border-bottom:1px solid #e3e7ed;font-weight:500"><bdi><%= fact.value %></bdi>\
</td></tr>
<% } %></table>
<% } %><% for (const text of it.closing) { %><p style="margin:18px 0 0;font-size:13px;\
line-height:1.5;color:#667085;white-space:pre-line"><bdi><%= text %></bdi></p>
<% } %></td></tr></table></td></tr></table></body></html>
`);

/** The mail as HTML that needs nothing from elsewhere: no images, no scripts, no fonts. */
export function mailHtml(content: MailContent): string {
  const isToTheLeft = content.words.direction === "rtl";
  const html = page.call(eta, {
    ...content,
    language: content.words.language,
    isToTheLeft,
    // Letters that join are not set apart.
    spacing: (wide: string) => `letter-spacing:${isToTheLeft ? 0 : wide}`,
  });
  return isolatesAsMarkup(html);
}

/** The same as text, for readers that show no HTML. */
export function mailText(
  { words, title, paragraphs, figure, facts, button, closing, brand }: MailContent,
) {
  const width = Math.max(0, ...facts.map(({ label }) => label.length));
  const blocks = [
    title,
    ...paragraphs,
    ...(figure === null ? [] : [say(words, "labelled", figure)]),
    ...(button === null
      ? []
      : [say(words, "labelled", { label: button.label, value: button.url })]),
    ...(facts.length === 0 ? [] : [
      facts.map((fact) => factLine(fact, width, words)).join("\n"),
    ]),
    ...closing,
    `-- \n${brand}`,
  ];
  return `${blocks.join("\n\n")}\n`;
}

/** In columns; where text runs to the left, without them, so that the value keeps its order. */
function factLine(fact: MailContent["facts"][number], width: number, words: Words): string {
  return words.direction === "rtl"
    ? say(words, "labelled", fact)
    : `${`${fact.label}:`.padEnd(width + 2)}${fact.value}`;
}

import { cleanText } from "../../../../../shared/document/text.ts";
import type { MemberRole } from "../../../../../shared/api/members.ts";
import { say, withoutIsolates, type WordKey, wordsOf } from "../../../../../shared/words/words.ts";
import { languageOf } from "../../../../../shared/words/languages.ts";
import type { MailContent } from "./template.ts";

/** What a new member is told. */
export interface Invitation {
  readonly email: string;
  readonly role: MemberRole;
  readonly client: string;
  /** The client's: what language the person reads is not known. */
  readonly locale: string;
  readonly seller: string;
}

const ROLES: Readonly<Record<MemberRole, { readonly name: WordKey; readonly may: WordKey }>> = {
  viewer: { name: "roleViewer", may: "mayViewer" },
  billing: { name: "roleBilling", may: "mayBilling" },
  admin: { name: "roleAdmin", may: "mayAdmin" },
};

/** The mail that tells a user which client it sees now, and with which role. */
export function invitationMail(
  { email, role, client, locale, seller }: Invitation,
): MailContent & { readonly subject: string } {
  const words = wordsOf(languageOf(locale) ?? "en");
  const { name, may } = ROLES[role];
  const values = {
    client: cleanText(client),
    role: words.texts[name],
    may: words.texts[may],
    email,
  };
  const title = say(words, "invitedSubject", values);
  return {
    words,
    brand: cleanText(seller),
    subject: withoutIsolates(title),
    title,
    paragraphs: [say(words, "invitedText", values), say(words, "signInWith", values)],
    figure: null,
    facts: [{ label: words.texts.role, value: words.texts[name] }],
    button: null,
    closing: [],
  };
}

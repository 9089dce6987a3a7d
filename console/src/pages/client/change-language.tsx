import { updateClient } from "../../../../shared/api/clients.ts";
import { languageOf, LANGUAGES } from "../../../../shared/words/languages.ts";
import { type ActOf, known, refused } from "../../acts/act.tsx";
import type { Api } from "../../api/api.ts";

interface Reader {
  readonly id: string;
  readonly name: string;
  readonly locale: string;
}

/** In which language, and with which habits of a region, a client's documents are written. */
export function changeLanguage(api: Api, { id, name, locale }: Reader): ActOf<unknown> {
  return {
    name: "Language",
    title: `Language of ${name}`,
    fields: [{
      name: "locale",
      label: "Language and region",
      value: locale,
      required: true,
      hint: `Like de-AT. Documents are in ${Object.keys(LANGUAGES).join(", ")}, else in English.`,
    }],
    preview: ({ locale: tag = "" }) =>
      isTag(tag)
        ? known(
          <p>
            Invoices and credit notes of <bdi>{name}</bdi> are issued in{" "}
            {LANGUAGES[languageOf(tag) ?? "en"]}{" "}
            from now on, and so are their mails. Those that have been issued stay as they are.
          </p>,
        )
        : refused(`"${tag}" is no language like de or de-AT`),
    run: ({ locale: tag = "" }, idempotencyKey) =>
      api.billing(updateClient, {
        params: { client_id: id },
        body: { locale: tag },
        idempotencyKey,
      }),
  };
}

function isTag(tag: string): boolean {
  return /^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2}|-[0-9]{3})?$/.test(tag);
}

import { createInvoiceLink, endInvoiceLinks } from "../../../../shared/api/invoice-links.ts";
import { type ActOf, known, refused } from "../../acts/act.tsx";
import type { Api } from "../../api/api.ts";
import { instant } from "../../format/days.ts";
import { hrefOf } from "../../routing/location.ts";

interface Named {
  readonly id: string;
  readonly number: string | null;
}

/** A link that opens the invoice without signing in. */
export function makeLink(api: Api, { id, number }: Named) {
  return {
    name: "Make link",
    title: `Make a link to ${number ?? "the invoice"}`,
    fields: [{ name: "days", label: "Good for days", value: "30", required: true }],
    preview: ({ days = "" }) =>
      isDays(days)
        ? known(
          <p>
            Everybody who has the link reads the invoice, takes its PDF, may pay it and compute it
            again, for {days} days. It is shown once.
          </p>,
        )
        : refused("a link is good for 1 to 366 days"),
    run: ({ days = "" }) =>
      api.billing(createInvoiceLink, {
        params: { invoice_id: id },
        body: { days: Number(days) },
      }),
    done: ({ token, expires_at }) => {
      const address = `${location.origin}${location.pathname}${hrefOf(["open", token])}`;
      return (
        <>
          <p>Good until {instant(expires_at)}:</p>
          <a href={address} target="_blank" rel="noopener">{address}</a>
        </>
      );
    },
  } satisfies ActOf<{ readonly token: string; readonly expires_at: string }>;
}

function isDays(text: string): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= 366;
}

/** Takes back all links to the invoice. */
export function endLinks(api: Api, { id, number }: Named) {
  return {
    name: "End links",
    title: `End the links to ${number ?? "the invoice"}`,
    preview: () => known(<p>No link that was made so far opens the invoice any more.</p>),
    run: () => api.billing(endInvoiceLinks, { params: { invoice_id: id } }),
    done: ({ ended }) => `${ended} ${ended === 1 ? "link is" : "links are"} ended.`,
  } satisfies ActOf<{ readonly ended: number }>;
}

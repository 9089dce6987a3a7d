import { createClientRoute } from "../../../../shared/api/clients.ts";
import { type ActOf, known, refused } from "../../acts/act.tsx";
import { filled } from "../../acts/fields.ts";
import type { Api } from "../../api/api.ts";
import { hrefOf } from "../../routing/location.ts";

/** Adds a client. Terms, prices, agents and users come on its page. */
export function addClient(api: Api) {
  return {
    name: "New client",
    title: "New client",
    look: "main",
    fields: [
      { name: "name", label: "Name", required: true },
      { name: "email", label: "Email for invoices", kind: "email" },
      {
        name: "external_id",
        label: "External id",
        hint: "What your own systems call the client. Agents may log usage under it.",
      },
      {
        name: "time_zone",
        label: "Time zone",
        value: Intl.DateTimeFormat().resolvedOptions().timeZone,
        required: true,
        hint: "The client's days and periods begin and end there.",
      },
      { name: "started_on", label: "Served from", kind: "date" },
    ],
    preview: ({ name, time_zone = "" }) =>
      isZone(time_zone)
        ? known(
          <p>
            <bdi>{name}</bdi>{" "}
            is added under the default terms and prices. Nothing is billed until usage is logged.
          </p>,
        )
        : refused(`"${time_zone}" is no time zone like Europe/Berlin`),
    run: ({ name = "", ...rest }, idempotencyKey) =>
      api.billing(createClientRoute, { body: { name, ...filled(rest) }, idempotencyKey }),
    done: ({ id, name }) => (
      <a href={hrefOf(["clients", id])}>
        To <bdi>{name}</bdi>
      </a>
    ),
  } satisfies ActOf<{ readonly id: string; readonly name: string }>;
}

function isZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

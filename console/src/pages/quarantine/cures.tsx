import type { ComponentChildren } from "preact";
import type { z } from "zod";
import { type QuarantineRow, resolveQuarantine } from "../../../../shared/api/operations.ts";
import type { CallResult } from "../../../../shared/client/billing-client.ts";
import { type ActOf, refused } from "../../acts/act.tsx";
import { type Field, filled, type Values } from "../../acts/fields.ts";
import type { Api } from "../../api/api.ts";
import { money, quantity } from "../../format/figures.ts";

type Row = z.infer<typeof QuarantineRow>;
type Body = z.input<typeof resolveQuarantine.body>;
type Answer = z.output<typeof resolveQuarantine.answer>;

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** What releases usage of a row, each as an act that says beforehand what it would bill. */
export function curesOf(api: Api, row: Row, clients: readonly Named[]): ActOf<Answer>[] {
  const cures: ActOf<Answer>[] = [];
  if (row.reason === "no_client" && row.agent !== null && clients.length > 0) {
    cures.push(assign(api, row.agent, clients));
  }
  if (row.reason === "unknown_provider" && row.model !== null) cures.push(map(api, row.model));
  if (row.reason === "unpriced_usage" && row.metric !== null) {
    cures.push(price(api, row, row.metric, clients));
  }
  if (!NOT_DISMISSED.includes(row.reason)) cures.push(dismiss(api, row));
  return cures;
}

/** What no dismissal ends: service begins anew for it, or it is billed by hand. */
const NOT_DISMISSED = ["outside_service", "item_after_end"];

function cure(
  api: Api,
  about: Pick<ActOf<Answer>, "name" | "title" | "fields" | "look">,
  bodyOf: (values: Values) => Body | string,
): ActOf<Answer> {
  return {
    ...about,
    preview: async (values) => {
      const body = bodyOf(values);
      if (typeof body === "string") return refused(body);
      const { data, error } = await api.billing(resolveQuarantine, {
        body: { ...body, dry_run: true },
      });
      return error === null ? { data: effectOf(data), error: null } : { data: null, error };
    },
    run: async (values, idempotencyKey): Promise<CallResult<Answer>> => {
      const body = bodyOf(values);
      if (typeof body === "string") throw new Error(body);
      return await api.billing(resolveQuarantine, { body, idempotencyKey });
    },
  };
}

function effectOf({ effects = [], remaining, dismissed }: Answer): ComponentChildren {
  const rows = remaining.reduce((sum, { rows }) => sum + rows, 0);
  return (
    <>
      {dismissed === undefined
        ? null
        : <p>{quantity(String(dismissed))} calls are not billed, now or later.</p>}
      {effects.length === 0 ? <p>Charges of open periods stay as they are.</p> : (
        <>
          <p>Charges of open periods, before discount and tax:</p>
          <ul class="list">
            {effects.slice(0, 10).map((effect) => (
              <li key={`${effect.client_id} ${effect.currency}`}>
                <span>
                  <bdi>{effect.client}</bdi>: {money(effect.before_minor, effect.currency)} →{" "}
                  <strong>{money(effect.after_minor, effect.currency)}</strong>
                </span>
              </li>
            ))}
            {effects.length > 10 ? <li>and {effects.length - 10} more clients</li> : null}
          </ul>
        </>
      )}
      <p class="muted">{quantity(String(rows))} rows would be left in quarantine.</p>
    </>
  );
}

function assign(api: Api, agent: string, clients: readonly Named[]): ActOf<Answer> {
  return cure(
    api,
    {
      name: "Assign",
      title: `Assign ${agent} to a client`,
      look: "main",
      fields: [{
        name: "client_id",
        label: "Client",
        options: clients.map(({ id, name }) => [id, name]),
        hint: "All calls of the agent that name no client are this client's, of any time.",
      }],
    },
    ({ client_id = "" }) => ({ action: "assign_agent", agent, client_id }),
  );
}

const PROVIDERS: Field["options"] = [
  ["anthropic", "Anthropic: cache beside input"],
  ["openai", "OpenAI: cached within input"],
  ["google", "Google: reasoning beside output"],
  ["other", "Other: each count beside the others"],
  ["other_inclusive", "Other: all within input and output"],
];

function map(api: Api, model: string): ActOf<Answer> {
  return cure(
    api,
    {
      name: "Map",
      title: `Say how ${model} counts tokens`,
      look: "main",
      fields: [
        { name: "provider", label: "Counts like", options: PROVIDERS },
        {
          name: "family",
          label: "Family",
          value: model,
          required: true,
          hint: "Prices may be for a family of models.",
        },
      ],
    },
    ({ provider, family = "" }) => {
      const known = (["anthropic", "openai", "google", "other", "other_inclusive"] as const)
        .find((one) => one === provider);
      return known === undefined
        ? "choose how the model counts"
        : { action: "map_model", model, family, provider: known };
    },
  );
}

function price(api: Api, row: Row, metric: string, clients: readonly Named[]): ActOf<Answer> {
  const own = clients.find(({ id }) => id === row.client_id);
  const isTokens = metric.endsWith("_tokens");
  return cure(
    api,
    {
      name: "Price",
      title: `Price ${metric.replaceAll("_", " ")} of ${row.model ?? "any model"}`,
      look: "main",
      fields: [
        {
          name: "client_id",
          label: "For",
          options: [["", "all clients"], ...own === undefined ? [] : [asOption(own)]],
        },
        { name: "unit_amount", label: "Price", required: true, hint: "A decimal like 2.50." },
        {
          name: "per_units",
          label: "Per units",
          value: isTokens ? "1000000" : "1",
          required: true,
        },
        { name: "currency", label: "Currency", value: "USD", required: true },
        {
          name: "effective_from",
          label: "From",
          kind: "date",
          hint: "Left empty: for all that is not settled.",
        },
      ],
    },
    (values) => {
      const { client_id, unit_amount = "", per_units = "", ...rest } = values;
      if (!/^\d{1,20}(\.\d{1,12})?$/.test(unit_amount)) return `"${unit_amount}" is no price`;
      if (!/^\d{1,20}$/.test(per_units)) return `"${per_units}" is no number of units`;
      return {
        action: "add_price",
        price: {
          client_id: client_id === undefined || client_id === "" ? null : client_id,
          metric,
          ...row.model === null ? {} : { model: row.model },
          ...row.rate_class === null ? {} : { rate_class: row.rate_class },
          unit_amount,
          per_units,
          ...filled(rest),
        },
      };
    },
  );
}

function asOption({ id, name }: Named): readonly [string, string] {
  return [id, name];
}

function dismiss(api: Api, row: Row): ActOf<Answer> {
  return cure(
    api,
    {
      name: "Dismiss",
      title: `Never bill this: ${row.reason.replaceAll("_", " ")}`,
      look: "bad",
      fields: [{
        name: "why",
        label: "Reason",
        required: true,
        hint: "It stands in the audit log. The log rows are kept.",
      }],
    },
    ({ why = "" }) => ({
      action: "dismiss",
      why,
      reason: row.reason,
      ...row.client_id === null ? {} : { client_id: row.client_id },
      ...row.agent === null ? {} : { agent: row.agent },
      ...row.model === null ? {} : { model: row.model },
      ...row.metric === null ? {} : { metric: row.metric },
    }),
  );
}

import { resolveQuarantine } from "../../../../shared/api/operations.ts";
import { type ActOf, refused } from "../../acts/act.tsx";
import { filled, type Values } from "../../acts/fields.ts";
import { Effect } from "../../acts/effect.tsx";
import type { Api } from "../../api/api.ts";

/** Adds a price of a client, or a default one; its effect on open periods is rated first. */
export function addPrice(
  api: Api,
  client: { readonly id: string; readonly name: string } | null,
  usage: {
    readonly metric?: string | null;
    readonly model?: string | null;
    readonly rate_class?: string | null;
  } = {},
): ActOf<unknown> {
  const bodyOf = ({ client_id = "", ...rest }: Values) => ({
    action: "add_price" as const,
    price: {
      metric: "",
      ...usage.rate_class === undefined || usage.rate_class === null
        ? {}
        : { rate_class: usage.rate_class },
      ...filled(rest),
      client_id: client_id === "" ? null : client_id,
    },
  });
  const isFixed = usage.metric !== undefined && usage.metric !== null;
  return {
    name: isFixed ? "Price" : "New price",
    title: isFixed
      ? `Price ${usage.metric?.replaceAll("_", " ")} of ${usage.model ?? "any model"}`
      : "New price",
    ...isFixed ? { look: "main" as const } : {},
    fields: [
      {
        name: "client_id",
        label: "For",
        options: [
          ...client === null ? [] : [[client.id, client.name] as const],
          ["", "all clients"],
        ],
      },
      { name: "metric", label: "Metric", value: usage.metric ?? "input_tokens", required: true },
      {
        name: "model",
        label: "Model",
        value: usage.model ?? "",
        hint: "Left empty: of any model.",
      },
      { name: "unit_amount", label: "Price", required: true, hint: "A decimal like 2.50." },
      { name: "per_units", label: "Per units", value: unitsOf(usage.metric), required: true },
      { name: "currency", label: "Currency", value: "USD", required: true },
      {
        name: "effective_from",
        label: "From",
        kind: "date",
        hint: "Left empty: for all that is not settled.",
      },
    ],
    preview: async (values) => {
      const { unit_amount = "", per_units = "" } = values;
      if (!DECIMAL.test(unit_amount)) return refused(`"${unit_amount}" is no price`);
      if (!DECIMAL.test(per_units)) return refused(`"${per_units}" is no number of units`);
      const { data, error } = await api.billing(resolveQuarantine, {
        body: { ...bodyOf(values), dry_run: true },
      });
      return error === null
        ? { data: <Effect answer={data} />, error: null }
        : { data: null, error };
    },
    run: (values, idempotencyKey) =>
      api.billing(resolveQuarantine, { body: bodyOf(values), idempotencyKey }),
  };
}

const DECIMAL = /^\d{1,20}(\.\d{1,12})?$/;

function unitsOf(metric: string | null | undefined): string {
  return metric === undefined || metric === null || metric.endsWith("_tokens") ? "1000000" : "1";
}

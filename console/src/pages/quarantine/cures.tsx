import type { z } from "zod";
import { type QuarantineRow, resolveQuarantine } from "../../../../shared/api/operations.ts";
import { type ActOf, refused } from "../../acts/act.tsx";
import { Effect } from "../../acts/effect.tsx";
import type { Field, Values } from "../../acts/fields.ts";
import type { Api } from "../../api/api.ts";
import { addPrice } from "../client/add-price.tsx";

type Row = z.infer<typeof QuarantineRow>;
type Body = z.input<typeof resolveQuarantine.body>;

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** What releases usage of a row, each as an act that says beforehand what it would bill. */
export function curesOf(api: Api, row: Row, clients: readonly Named[]): ActOf<unknown>[] {
  const cures: ActOf<unknown>[] = [];
  // Nothing is assigned, mapped or priced by a blank name; it can be dismissed.
  const [agent, model, metric] = [named(row.agent), named(row.model), named(row.metric)];
  if (row.reason === "no_client" && agent !== null && clients.length > 0) {
    cures.push(assign(api, agent, clients));
  }
  if (row.reason === "unknown_provider" && model !== null) cures.push(map(api, model));
  if (row.reason === "unpriced_usage" && metric !== null && model !== null) {
    cures.push(addPrice(api, clients.find(({ id }) => id === row.client_id) ?? null, row));
  }
  if (!NOT_DISMISSED.includes(row.reason)) cures.push(dismiss(api, row));
  return cures;
}

function named(name: string | null): string | null {
  return name === null || name.trim() === "" ? null : name;
}

/** What no dismissal ends: service begins anew for it, or it is billed by hand. */
const NOT_DISMISSED = ["outside_service", "item_after_end"];

function cure(
  api: Api,
  about: Pick<ActOf<unknown>, "name" | "title" | "fields" | "look">,
  bodyOf: (values: Values) => Body | string,
): ActOf<unknown> {
  return {
    ...about,
    preview: async (values) => {
      const body = bodyOf(values);
      if (typeof body === "string") return refused(body);
      const { data, error } = await api.billing(resolveQuarantine, {
        body: { ...body, dry_run: true },
      });
      return error === null
        ? { data: <Effect answer={data} />, error: null }
        : { data: null, error };
    },
    run: async (values, idempotencyKey) => {
      const body = bodyOf(values);
      if (typeof body === "string") throw new Error(body);
      return await api.billing(resolveQuarantine, { body, idempotencyKey });
    },
  };
}

function assign(api: Api, agent: string, clients: readonly Named[]): ActOf<unknown> {
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

function map(api: Api, model: string): ActOf<unknown> {
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

function dismiss(api: Api, row: Row): ActOf<unknown> {
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

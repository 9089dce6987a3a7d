import type { ComponentChildren } from "preact";
import type { z } from "zod";
import { type Call, correctCall } from "../../../shared/api/usage.ts";
import type { CallResult } from "../../../shared/client/billing-client.ts";
import { Act, type ActOf, refused } from "../acts/act.tsx";
import type { Field, Values } from "../acts/fields.ts";
import type { Api } from "../api/api.ts";
import { period } from "../format/days.ts";
import { money } from "../format/figures.ts";

type CallRow = z.infer<typeof Call>;
type Body = z.input<typeof correctCall.body>;
type Answer = z.output<typeof correctCall.answer>;

/** What an operator may do about a call; a correction itself is corrected by its call. */
export function CallActs({ api, clientId, call }: {
  readonly api: Api;
  readonly clientId: string;
  readonly call: CallRow;
}) {
  if (call.corrects_id !== null) return <span class="muted">a correction</span>;
  return (
    <div class="acts">
      <Act act={correct(api, clientId, call)} />
      <Act act={retract(api, clientId, call)} />
    </div>
  );
}

const WHY: Field = {
  name: "reason",
  label: "Reason",
  required: true,
  hint: "It stands with the new row. The call's own row is kept.",
};

function correct(api: Api, clientId: string, call: CallRow): ActOf<unknown> {
  return act(
    api,
    clientId,
    call,
    {
      name: "Correct",
      title: "State the call anew",
      fields: [
        { name: "input_tokens", label: "Input tokens", value: String(call.input_tokens) },
        { name: "output_tokens", label: "Output tokens", value: String(call.output_tokens) },
        { name: "web_searches", label: "Web searches", value: String(call.web_searches) },
        WHY,
      ],
    },
    ({ reason = "", ...counts }) => {
      const names = ["input_tokens", "output_tokens", "web_searches"] as const;
      const wrong = names.find((name) => !/^\d{1,15}$/.test(counts[name] ?? ""));
      if (wrong !== undefined) return `${wrong.replaceAll("_", " ")} are a whole number`;
      const changed = names.filter((name) => Number(counts[name]) !== call[name]);
      return changed.length === 0 ? "nothing is stated otherwise" : {
        action: "correct",
        reason,
        counts: Object.fromEntries(changed.map((name) => [name, Number(counts[name])])),
      };
    },
  );
}

function retract(api: Api, clientId: string, call: CallRow): ActOf<unknown> {
  return act(
    api,
    clientId,
    call,
    { name: "Take back", title: "Take the call back", look: "bad", fields: [WHY] },
    ({ reason = "" }) => ({ action: "retract", reason }),
  );
}

function act(
  api: Api,
  clientId: string,
  { id }: CallRow,
  about: Pick<ActOf<unknown>, "name" | "title" | "fields" | "look">,
  bodyOf: (values: Values) => Body | string,
): ActOf<unknown> {
  const params = { client_id: clientId, call_id: id };
  return {
    ...about,
    preview: async (values): Promise<CallResult<ComponentChildren>> => {
      const body = bodyOf(values);
      if (typeof body === "string") return refused(body);
      const { data, error } = await api.billing(correctCall, {
        params,
        body: { ...body, dry_run: true },
      });
      return error === null
        ? { data: <Effect answer={data} />, error: null }
        : { data: null, error };
    },
    run: async (values, idempotencyKey) => {
      const body = bodyOf(values);
      if (typeof body === "string") throw new Error(body);
      return await api.billing(correctCall, { params, body, idempotencyKey });
    },
  };
}

function Effect({ answer: { log_id, effect } }: { readonly answer: Answer }) {
  if (log_id === null) return <p>Nothing changes: the call says so already.</p>;
  if (effect === null) return <p>No period has the call: nothing is billed otherwise.</p>;
  const { before_minor, after_minor, currency, is_invoiced } = effect;
  const span = period(effect.period.start, effect.period.end);
  return (
    <>
      <p>
        Charges of {span}, minimum included, before discount and tax:{" "}
        {money(before_minor, currency)} → <strong>{money(after_minor, currency)}</strong>
      </p>
      {is_invoiced
        ? (
          <p>
            The period is invoiced: its invoice stays, and the next run charges or credits the
            difference.
          </p>
        )
        : null}
    </>
  );
}

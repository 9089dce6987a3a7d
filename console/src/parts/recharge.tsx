import type { z } from "zod";
import { AutoRecharge, setAutoRecharge } from "../../../shared/api/top-ups.ts";
import type { CallResult } from "../../../shared/client/billing-client.ts";
import { minorToDecimal } from "../../../shared/money.ts";
import { Act, type ActOf, known, refused } from "../acts/act.tsx";
import { enteredMinor, enteredMinorOrNone, type Field, type Values } from "../acts/fields.ts";
import type { Api } from "../api/api.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { exponentOf, money } from "../format/figures.ts";
import { type Say, useWords } from "../words/words.ts";
import { Facts } from "./card.tsx";
import { Loaded } from "./loaded.tsx";

type Rule = z.infer<typeof AutoRecharge>;

/** When a client's credit is topped up by itself. */
export function Recharge({ clientId, currency, mayPay }: {
  readonly clientId: string;
  readonly currency: string | undefined;
  readonly mayPay: boolean;
}) {
  const { api } = useConsole();
  const { say } = useWords();
  const answer = useAnswer(`recharge ${clientId}`, () => ruleOf(api, clientId));
  return (
    <section class="sub" aria-label={say("recharge")}>
      <header class="card-head">
        <h3>{say("recharge")}</h3>
        {mayPay && answer.data !== null && currency !== undefined
          ? (
            <div class="card-aside">
              <Act act={set(api, clientId, answer.data.rule, currency, say)} />
            </div>
          )
          : null}
      </header>
      <Loaded answer={answer} rows={1}>
        {({ rule }) =>
          rule === null
            ? <p class="none">{say("noRecharge")}</p>
            : <Facts facts={factsOf(rule, say)} />}
      </Loaded>
    </section>
  );
}

function factsOf(rule: Rule, say: Say): readonly (readonly [string, string])[] {
  const { threshold_minor, target_minor, amount_minor, monthly_cap_minor, currency } = rule;
  return [
    [say("rechargeState"), say(rule.paused ? "rechargePaused" : "rechargeOn")],
    [say("rechargeBelow"), money(threshold_minor, currency)],
    ...target_minor === null ? [] : [[say("rechargeTo"), money(target_minor, currency)] as const],
    ...amount_minor === null ? [] : [[say("rechargeBy"), money(amount_minor, currency)] as const],
    [say("rechargeCap"), money(monthly_cap_minor, currency)],
  ];
}

async function ruleOf(
  api: Api,
  clientId: string,
): Promise<CallResult<{ readonly rule: Rule | null }>> {
  const { data, error } = await api.rows(
    "auto_recharges",
    AutoRecharge,
    new URLSearchParams({
      select: Object.keys(AutoRecharge.shape).join(","),
      client_id: `eq.${clientId}`,
    }),
  );
  return error === null ? { data: { rule: data[0] ?? null }, error } : { data: null, error };
}

/** Recharges to a balance; a rule by an amount stays as it is until this replaces it. */
function set(
  api: Api,
  clientId: string,
  rule: Rule | null,
  ofClient: string,
  say: Say,
): ActOf<unknown> {
  const currency = rule?.currency ?? ofClient;
  const read = ({ threshold, target, cap }: Values) => ({
    threshold_minor: enteredMinorOrNone(threshold, currency),
    target_minor: enteredMinor(target, currency),
    monthly_cap_minor: enteredMinor(cap, currency),
  });
  const bad = (text: string | undefined) =>
    refused(say("badAmount", { text: text ?? "", currency }));
  return {
    name: say("setRecharge"),
    title: say("recharge"),
    fields: fieldsOf(rule, currency, say),
    preview: (values) => {
      const { threshold_minor, target_minor, monthly_cap_minor } = read(values);
      if (threshold_minor === null) return bad(values.threshold);
      if (target_minor === null || target_minor <= threshold_minor) return bad(values.target);
      if (monthly_cap_minor === null) return bad(values.cap);
      if (values.paused === "yes") return known(<p>{say("rechargePausedText")}</p>);
      return known(
        <p>
          {say("rechargeText", {
            threshold: money(threshold_minor, currency),
            target: money(target_minor, currency),
            cap: money(monthly_cap_minor, currency),
          })}
        </p>,
      );
    },
    run: (values, idempotencyKey) => {
      const { threshold_minor, target_minor, monthly_cap_minor } = read(values);
      const days = rule?.expires_after_days ?? undefined;
      return api.billing(setAutoRecharge, {
        params: { client_id: clientId },
        body: {
          currency,
          threshold_minor: threshold_minor ?? 0,
          target_minor: target_minor ?? 0,
          monthly_cap_minor: monthly_cap_minor ?? 0,
          paused: values.paused === "yes",
          ...days === undefined ? {} : { expires_after_days: days },
        },
        idempotencyKey,
      });
    },
  };
}

function fieldsOf(rule: Rule | null, currency: string, say: Say): readonly Field[] {
  const shown = (minor: number | null | undefined) =>
    minor === null || minor === undefined ? "" : minorToDecimal(minor, exponentOf(currency));
  return [
    {
      name: "threshold",
      label: say("rechargeBelow"),
      required: true,
      value: shown(rule?.threshold_minor),
    },
    {
      name: "target",
      label: say("rechargeTo"),
      required: true,
      value: shown(rule?.target_minor),
    },
    {
      name: "cap",
      label: say("rechargeCap"),
      required: true,
      value: shown(rule?.monthly_cap_minor),
    },
    {
      name: "paused",
      label: say("rechargeState"),
      value: rule?.paused === true ? "yes" : "no",
      options: [["no", say("rechargeOn")], ["yes", say("rechargePaused")]],
    },
  ];
}

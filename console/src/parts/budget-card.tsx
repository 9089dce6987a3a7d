import { z } from "zod";
import {
  type Budget as BudgetSchema,
  getBudget,
  removeBudget,
  setBudget,
} from "../../../shared/api/budgets.ts";
import { clientSpend } from "../../../shared/api/usage.ts";
import type { CallResult } from "../../../shared/client/billing-client.ts";
import { minorToDecimal } from "../../../shared/money.ts";
import { Act, type ActOf, known, refused } from "../acts/act.tsx";
import { enteredMinor, enteredNumbers } from "../acts/fields.ts";
import type { Api } from "../api/api.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { day, instant } from "../format/days.ts";
import { exponentOf, money } from "../format/figures.ts";
import { type Say, useWords } from "../words/words.ts";
import { Card, Figure } from "./card.tsx";
import { Loaded } from "./loaded.tsx";
import { useRole } from "./use-role.ts";

type Budget = z.infer<typeof BudgetSchema>;

interface Shown {
  readonly spent: number;
  readonly currency: string;
  readonly budget: Budget | null;
}

/** What a client means to spend in the running period, what is used of it, and what was told. */
export function BudgetCard({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const { say } = useWords();
  const mayPay = useRole(clientId, "billing") === true;
  const answer = useAnswer(`budget ${clientId}`, () => budgetOf(api, clientId), true);
  const shown = answer.data;
  return (
    <Card
      title={say("budget")}
      wide
      aside={mayPay && shown !== null
        ? (
          <div class="acts">
            <Act act={set(api, clientId, shown, say)} />
            {shown.budget === null ? null : <Act act={remove(api, clientId, say)} />}
          </div>
        )
        : undefined}
    >
      <Loaded answer={answer} rows={2}>
        {({ budget, spent }) =>
          budget === null
            ? <p class="none">{say("noBudget")}</p>
            : <Used budget={budget} spent={spent} />}
      </Loaded>
    </Card>
  );
}

function Used({ budget, spent }: { readonly budget: Budget; readonly spent: number }) {
  const { say } = useWords();
  const { amount_minor, currency, thresholds, alerts, period_start } = budget;
  const percent = Math.floor(spent * 100 / amount_minor);
  const told = new Map(alerts.map(({ percent, told_at }) => [percent, told_at]));
  return (
    <>
      <Figure
        value={say("budgetUsed", { percent })}
        {...percent >= 100 ? { tone: "bad" as const } : {}}
        note={say("budgetOf", {
          spent: money(spent, currency),
          budget: money(amount_minor, currency),
          day: day(period_start),
        })}
      />
      <progress
        class={percent >= 100 ? "meter meter-full" : "meter"}
        max={100}
        value={Math.min(percent, 100)}
        aria-label={say("budget")}
      />
      <ul class="thresholds" aria-label={say("thresholds")}>
        {[...new Set([...thresholds, ...told.keys()])].sort((a, b) => a - b).map((threshold) => {
          const at = told.get(threshold);
          return (
            <li key={threshold}>
              <span
                class={`status tone-${
                  at !== undefined ? "warn" : percent >= threshold ? "info" : "plain"
                }`}
              >
                {threshold} %
              </span>{" "}
              <span class="muted">
                {at !== undefined
                  ? say("toldAt", { at: instant(at) })
                  : percent >= threshold
                  ? say("reached")
                  : money(Math.ceil(amount_minor * threshold / 100), currency)}
              </span>
            </li>
          );
        })}
      </ul>
    </>
  );
}

/** The budget beside the charges of the running period; both are the server's. */
async function budgetOf(api: Api, clientId: string): Promise<CallResult<Shown>> {
  const path = { params: { client_id: clientId } };
  const spend = await api.billing(clientSpend, path);
  if (spend.error !== null) return spend;
  const { usage_minor: spent, currency } = spend.data;
  const rows = await api.rows(
    "client_budgets",
    z.object({ client_id: z.string() }),
    new URLSearchParams({ select: "client_id", client_id: `eq.${clientId}` }),
  );
  if (rows.error !== null) return rows;
  if (rows.data.length === 0) return { data: { spent, currency, budget: null }, error: null };
  const budget = await api.billing(getBudget, path);
  return budget.error === null
    ? { data: { spent, currency, budget: budget.data }, error: null }
    : budget;
}

function set(
  api: Api,
  clientId: string,
  { budget, currency }: Shown,
  say: Say,
): ActOf<unknown> {
  const read = ({ amount, thresholds }: Readonly<Record<string, string>>) => ({
    amount_minor: enteredMinor(amount, currency),
    thresholds: enteredNumbers(thresholds),
  });
  return {
    name: say("setBudget"),
    title: say("setBudget"),
    fields: [
      {
        name: "amount",
        label: say("budgetAmount", { currency }),
        required: true,
        value: budget === null ? "" : minorToDecimal(budget.amount_minor, exponentOf(currency)),
      },
      {
        name: "thresholds",
        label: say("thresholdsField"),
        required: true,
        hint: say("thresholdsHint"),
        value: (budget?.thresholds ?? [50, 80, 100]).join(", "),
      },
    ],
    preview: (values) => {
      const { amount_minor, thresholds } = read(values);
      if (amount_minor === null) {
        return refused(say("badAmount", { text: values.amount ?? "", currency }));
      }
      const isFit = thresholds !== null && thresholds.length > 0 &&
        thresholds.every((percent) => percent >= 1 && percent <= 1000);
      if (!isFit) return refused(say("badThresholds"));
      const amounts = thresholds
        .map((percent) => money(Math.ceil(amount_minor * percent / 100), currency));
      return known(<p>{say("budgetText", { amounts: amounts.join(", ") })}</p>);
    },
    run: (values, idempotencyKey) => {
      const { amount_minor, thresholds } = read(values);
      return api.billing(setBudget, {
        params: { client_id: clientId },
        body: { amount_minor: amount_minor ?? 0, thresholds: thresholds ?? [] },
        idempotencyKey,
      });
    },
  };
}

function remove(api: Api, clientId: string, say: Say): ActOf<unknown> {
  return {
    name: say("removeBudget"),
    title: say("removeBudget"),
    look: "bad",
    preview: () => known(<p>{say("removeBudgetText")}</p>),
    run: () => api.billing(removeBudget, { params: { client_id: clientId } }),
  };
}

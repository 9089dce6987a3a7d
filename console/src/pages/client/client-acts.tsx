import type { z } from "zod";
import { grantCredit } from "../../../../shared/api/credits.ts";
import { generateInvoice } from "../../../../shared/api/invoices.ts";
import { createAssignment, createConfig, previewConfig } from "../../../../shared/api/terms.ts";
import { Act, type ActOf, known, refused } from "../../acts/act.tsx";
import {
  enteredMinor,
  enteredMinorOrNone,
  filled,
  isCurrency,
  type Values,
} from "../../acts/fields.ts";
import { PreviewedTotal } from "../../acts/previewed-total.tsx";
import type { Api } from "../../api/api.ts";
import { useConsole } from "../../api/context.ts";
import { day, period } from "../../format/days.ts";
import { money } from "../../format/figures.ts";
import { hrefOf } from "../../routing/location.ts";
import { addPrice } from "./add-price.tsx";
import { changeLanguage } from "./change-language.tsx";
import { chargeOnce } from "./charge-once.tsx";

interface Named {
  readonly id: string;
  readonly name: string;
}

/** What an operator does for a client. */
export function ClientActs({ client }: {
  readonly client: Named & { readonly locale: string };
}) {
  const { api } = useConsole();
  return (
    <div class="acts" role="group" aria-label="Acts">
      <Act act={invoicePeriod(api, client)} />
      <Act act={addTerms(api, client)} />
      <Act act={addPrice(api, client)} />
      <Act act={assignAgent(api, client)} />
      <Act act={grant(api, client)} />
      <Act act={chargeOnce(api, client)} />
      <Act act={changeLanguage(api, client)} />
    </div>
  );
}

function invoicePeriod(api: Api, { id, name }: Named) {
  return {
    name: "Invoice a period",
    title: `Invoice ${name}`,
    look: "main",
    fields: [{
      name: "period",
      label: "The month that the period begins in",
      kind: "month",
      value: lastMonth(new Date()),
      required: true,
    }],
    preview: async ({ period = "" }) => {
      const { data, error } = await api.billing(generateInvoice, {
        body: { client_id: id, period, dry_run: true },
      });
      return error === null
        ? { data: <PreviewedTotal generated={data} />, error: null }
        : { data: null, error };
    },
    run: ({ period = "" }, idempotencyKey) =>
      api.billing(generateInvoice, { body: { client_id: id, period }, idempotencyKey }),
    done: ({ outcome, invoice }) =>
      invoice === null ? "There was nothing to bill." : (
        <>
          {outcome === "existing" ? "The period has its invoice already. " : ""}
          <a href={hrefOf(["invoices", invoice.id])}>
            {invoice.number === null ? "To the draft" : `To ${invoice.number}`}
          </a>
        </>
      ),
  } satisfies ActOf<{
    readonly outcome: string;
    readonly invoice: { readonly id: string; readonly number: string | null } | null;
  }>;
}

function lastMonth(today: Date): string {
  return new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - 1, 1))
    .toISOString().slice(0, 7);
}

function addTerms(api: Api, { id, name }: Named): ActOf<unknown> {
  return {
    name: "New terms",
    title: `New terms of ${name}`,
    fields: [
      {
        name: "effective_from",
        label: "From",
        kind: "date",
        hint:
          "Left empty: for all that is not settled. What a field leaves empty is the default's.",
      },
      { name: "currency", label: "Currency", value: "USD", required: true },
      { name: "minimum", label: "Minimum of a period" },
      { name: "discount_percent", label: "Discount, %" },
      { name: "payment_terms_days", label: "Days to pay" },
    ],
    preview: async (values) => {
      const body = termsOf(id, values);
      if (typeof body === "string") return refused(body);
      const { data, error } = await api.billing(previewConfig, { body });
      return error === null
        ? { data: <TermsEffect from={values.effective_from ?? ""} {...data} />, error: null }
        : { data: null, error };
    },
    run: async (values, idempotencyKey) => {
      const body = termsOf(id, values);
      if (typeof body === "string") throw new Error(body);
      return await api.billing(createConfig, { body, idempotencyKey });
    },
  };
}

/** The entered terms, or what is wrong with them. */
function termsOf(
  client_id: string,
  { currency = "", minimum = "", payment_terms_days = "", ...rest }: Values,
) {
  if (!isCurrency(currency)) return `"${currency}" is no currency like USD`;
  const minimum_minor = enteredMinorOrNone(minimum, currency);
  if (minimum !== "" && minimum_minor === null) return `"${minimum}" is no amount of ${currency}`;
  if (!/^\d{0,3}$/.test(payment_terms_days)) return "days are a number";
  return {
    client_id,
    currency,
    ...minimum === "" || minimum_minor === null ? {} : { minimum_minor },
    ...payment_terms_days === "" ? {} : { payment_terms_days: Number(payment_terms_days) },
    ...filled(rest),
    ends_previous: true,
  };
}

function TermsEffect({ from, before, after }: z.output<typeof previewConfig.answer> & {
  readonly from: string;
}) {
  const say = (total: typeof before) =>
    total === null ? "nothing" : money(total.total_minor, total.currency);
  const running = before ?? after;
  return (
    <>
      <p>
        {from === "" ? "The terms hold from the first day" : `The terms hold from ${day(from)}`},
        and end the ones before. What is settled stays as it is.
      </p>
      {running === null ? <p>Nothing is to be billed in the running period.</p> : (
        <p>
          The invoice of {period(running.period.start, running.period.end)}{" "}
          would come to, as of now: {say(before)} → <strong>{say(after)}</strong>
        </p>
      )}
    </>
  );
}

function assignAgent(api: Api, { id, name }: Named): ActOf<unknown> {
  return {
    name: "Assign agent",
    title: `Assign an agent to ${name}`,
    fields: [
      { name: "agent", label: "Agent", required: true },
      { name: "from", label: "From (UTC)", kind: "date", hint: "Left empty: from ever." },
    ],
    preview: ({ agent, from = "" }) =>
      known(
        <p>
          Calls of {agent} that name no client are of <bdi>{name}</bdi>
          {from === "" ? "" : ` from ${day(from)}`}, also those that were logged before. Settled
          periods get what is new as late usage.
        </p>,
      ),
    run: ({ agent = "", from = "" }, idempotencyKey) =>
      api.billing(createAssignment, {
        body: {
          agent,
          client_id: id,
          ...from === "" ? {} : { starts_at: `${from}T00:00:00Z` },
        },
        idempotencyKey,
      }),
  };
}

function grant(api: Api, { id, name }: Named): ActOf<unknown> {
  return {
    name: "Grant credit",
    title: `Grant credit to ${name}`,
    fields: [
      { name: "amount", label: "Amount", required: true },
      { name: "currency", label: "Currency", value: "USD", required: true },
      { name: "expires_on", label: "Until (the first day without it)", kind: "date" },
      { name: "reference", label: "Reference", required: true, hint: "The same counts once." },
      { name: "note", label: "Note" },
    ],
    preview: ({ amount, currency = "", expires_on = "" }) => {
      const minor = isCurrency(currency) ? enteredMinor(amount, currency) : null;
      if (minor === null) return refused(`"${amount} ${currency}" is no amount`);
      return known(
        <p>
          <strong>{money(minor, currency)}</strong>{" "}
          of credit pay charges of coming invoices before the balance does{expires_on === ""
            ? ""
            : `, until ${day(expires_on)}`}.
        </p>,
      );
    },
    run: ({ amount, currency = "", reference = "", ...rest }, idempotencyKey) =>
      api.billing(grantCredit, {
        params: { client_id: id },
        body: {
          amount_minor: enteredMinor(amount, currency) ?? 0,
          currency,
          reference,
          ...filled(rest),
        },
        idempotencyKey,
      }),
  };
}

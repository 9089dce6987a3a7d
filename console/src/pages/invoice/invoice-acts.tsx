import type { z } from "zod";
import {
  creditInvoice,
  finalizeInvoice,
  type InvoiceDetail,
  previewInvoice,
  recordPayment,
  regenerateInvoice,
  releaseInvoice,
  voidInvoice,
  writeOffInvoice,
} from "../../../../shared/api/invoices.ts";
import { minorToDecimal } from "../../../../shared/money.ts";
import { endLinks, makeLink } from "./link-acts.tsx";
import { Act, type ActOf, known, refused } from "../../acts/act.tsx";
import { enteredMinor, type Field } from "../../acts/fields.ts";
import { PreviewedTotal } from "../../acts/previewed-total.tsx";
import type { Api } from "../../api/api.ts";
import { useConsole } from "../../api/context.ts";
import { exponentOf, money } from "../../format/figures.ts";
import { nameOf } from "../../parts/invoice-table.tsx";
import { hrefOf } from "../../routing/location.ts";

type Detail = z.infer<typeof InvoiceDetail>;

/** What an operator can do with an invoice in its state. */
export function InvoiceActs({ invoice }: { readonly invoice: Detail }) {
  const { api } = useConsole();
  const parts: Readonly<Record<Detail["status"], readonly ReturnType<typeof Act>[]>> = {
    draft: [
      <Act key="finalize" act={finalize(api, invoice)} />,
      <Act key="release" act={release(api, invoice)} />,
    ],
    open: [
      <Act key="pay" act={markPaid(api, invoice)} />,
      <Act key="credit" act={credit(api, invoice)} />,
      <Act key="off" act={writeOff(api, invoice)} />,
      <Act key="void" act={makeVoid(api, invoice)} />,
    ],
    paid: [<Act key="credit" act={credit(api, invoice)} />],
    uncollectible: [<Act key="pay" act={markPaid(api, invoice)} />],
    void: [<Act key="regenerate" act={regenerate(api, invoice)} />],
  };
  return (
    <div class="acts" role="group" aria-label="Acts">
      {parts[invoice.status]}
      {invoice.status === "draft" ? null : (
        <>
          <Act act={makeLink(api, invoice)} />
          <Act act={endLinks(api, invoice)} />
        </>
      )}
    </div>
  );
}

const REASON: Field = {
  name: "reason",
  label: "Reason",
  required: true,
  hint: "It stands in the audit log.",
};

function pathOf({ id }: Detail) {
  return { params: { invoice_id: id } };
}

function finalize(api: Api, invoice: Detail): ActOf<Detail> {
  const { total_minor, amount_due_minor, currency } = invoice;
  return {
    name: "Finalize",
    title: `Finalize the draft of ${money(total_minor, currency)}`,
    look: "main",
    preview: () =>
      known(
        <p>
          <bdi>{invoice.client}</bdi> is invoiced <strong>{money(total_minor, currency)}</strong>;
          {" "}
          {money(amount_due_minor, currency)}{" "}
          are to be paid. The draft takes the next number, is frozen, and goes out as the client's
          terms say. Credit notes alone correct it from then on.
        </p>,
      ),
    run: (_, idempotencyKey) =>
      api.billing(finalizeInvoice, { ...pathOf(invoice), idempotencyKey }),
  };
}

function release(api: Api, invoice: Detail): ActOf<Detail> {
  const { total_minor, currency } = invoice;
  return {
    name: "Release",
    title: "Release a held draft",
    fields: [REASON],
    preview: () =>
      known(
        <p>
          The draft may be issued up to{" "}
          {money(total_minor, currency)}. It is held again where it has grown by then. A draft that
          is not held cannot be released.
        </p>,
      ),
    run: ({ reason = "" }, idempotencyKey) =>
      api.billing(releaseInvoice, { ...pathOf(invoice), body: { reason }, idempotencyKey }),
  };
}

function amountField(minor: number, currency: string): Field {
  return {
    name: "amount",
    label: `Amount in ${currency}`,
    required: true,
    value: minor > 0 ? minorToDecimal(minor, exponentOf(currency)) : "",
  };
}

function markPaid(api: Api, invoice: Detail): ActOf<Detail> {
  const { amount_due_minor, currency } = invoice;
  return {
    name: "Record payment",
    title: `Record a payment of ${nameOf(invoice)}`,
    look: "main",
    fields: [
      amountField(amount_due_minor, currency),
      { name: "method", label: "Method", value: "bank transfer", required: true },
      {
        name: "reference",
        label: "Reference",
        required: true,
        hint: "For example the bank's. The same reference counts once.",
      },
    ],
    preview: ({ amount }) => {
      const minor = enteredMinor(amount, currency);
      if (minor === null) return refused(`"${amount}" is no amount of ${currency}`);
      const left = amount_due_minor - minor;
      return known(
        <p>
          <strong>{money(minor, currency)}</strong> are recorded as received.{" "}
          {left > 0
            ? `${money(left, currency)} stay to be paid.`
            : left === 0
            ? "The invoice is paid."
            : `The invoice is paid; ${money(-left, currency)} go to the client's balance.`}
        </p>,
      );
    },
    run: ({ amount, method = "", reference = "" }, idempotencyKey) =>
      api.billing(recordPayment, {
        ...pathOf(invoice),
        body: { amount_minor: enteredMinor(amount, currency) ?? 0, method, reference },
        idempotencyKey,
      }),
  };
}

function credit(api: Api, invoice: Detail) {
  const { currency, total_minor, credited_minor, amount_due_minor } = invoice;
  const left = total_minor - credited_minor;
  return {
    name: "Credit",
    title: `Credit ${nameOf(invoice)}`,
    fields: [
      amountField(left, currency),
      REASON,
      {
        name: "to_refund",
        label: "What was paid already",
        options: [["", "goes to the client's balance"], ["yes", "is refunded"]],
      },
    ],
    preview: ({ amount, to_refund }) => {
      const minor = enteredMinor(amount, currency);
      if (minor === null) return refused(`"${amount}" is no amount of ${currency}`);
      const ofDue = Math.min(minor, amount_due_minor);
      const over = minor - ofDue;
      return known(
        <p>
          A credit note of <strong>{money(minor, currency)}</strong>{" "}
          is issued, tax included in proportion. {money(amount_due_minor - ofDue, currency)}{" "}
          stay to be paid{over === 0
            ? "."
            : to_refund === "yes"
            ? `; ${money(over, currency)} are refunded.`
            : `; ${money(over, currency)} go to the client's balance.`}
        </p>,
      );
    },
    run: ({ amount, reason = "", to_refund }, idempotencyKey) =>
      api.billing(creditInvoice, {
        ...pathOf(invoice),
        body: {
          reason,
          amount_minor: enteredMinor(amount, currency) ?? 0,
          to_refund: to_refund === "yes",
        },
        idempotencyKey,
      }),
    done: ({ number, total_minor: minor }) =>
      `Credit note ${number} of ${money(minor, currency)} is issued.`,
  } satisfies ActOf<{ readonly number: string; readonly total_minor: number }>;
}

function writeOff(api: Api, invoice: Detail): ActOf<Detail> {
  return {
    name: "Write off",
    title: `Write ${nameOf(invoice)} off`,
    preview: () =>
      known(
        <p>
          {money(invoice.amount_due_minor, invoice.currency)}{" "}
          are not expected any more. Reminders end. The invoice may still be paid.
        </p>,
      ),
    run: (_, idempotencyKey) =>
      api.billing(writeOffInvoice, { ...pathOf(invoice), idempotencyKey }),
  };
}

function makeVoid(api: Api, invoice: Detail): ActOf<Detail> {
  return {
    name: "Void",
    title: `Void ${nameOf(invoice)}`,
    look: "bad",
    fields: [REASON],
    preview: () =>
      known(
        <p>
          {money(invoice.amount_due_minor, invoice.currency)}{" "}
          are not owed any more. The invoice keeps its number and its lines. Nothing bills its usage
          until it is regenerated. It cannot be undone.
        </p>,
      ),
    run: ({ reason = "" }, idempotencyKey) =>
      api.billing(voidInvoice, { ...pathOf(invoice), body: { reason }, idempotencyKey }),
  };
}

function regenerate(api: Api, invoice: Detail) {
  return {
    name: "Regenerate",
    title: `Bill anew what ${nameOf(invoice)} billed`,
    look: "main",
    preview: async () => {
      const { client_id, kind, period_start } = invoice;
      if (kind !== "period" || period_start === null) {
        return { data: <p>A draft replaces the invoice, rated anew.</p>, error: null };
      }
      const { data, error } = await api.billing(previewInvoice, {
        body: { client_id, day: period_start },
      });
      return error === null
        ? { data: <PreviewedTotal generated={data} />, error: null }
        : { data: null, error };
    },
    run: (_, idempotencyKey) =>
      api.billing(regenerateInvoice, { ...pathOf(invoice), idempotencyKey }),
    done: ({ invoice: made }) =>
      made === null
        ? "There was nothing to bill: no draft was made."
        : <a href={hrefOf(["invoices", made.id])}>To the draft</a>,
  } satisfies ActOf<{ readonly invoice: Detail | null }>;
}

import type { z } from "zod";
import { addItem } from "../../../../shared/api/items.ts";
import { type ActOf, refused } from "../../acts/act.tsx";
import { filled, isCurrency, isDecimal, type Values } from "../../acts/fields.ts";
import type { Api } from "../../api/api.ts";
import { day } from "../../format/days.ts";
import { amount, money, quantity } from "../../format/figures.ts";
import { hrefOf } from "../../routing/location.ts";

type Charged = z.output<typeof addItem.answer>;

/** Charges a client once, or allows it something: rated by the server before it is confirmed. */
export function chargeOnce(
  api: Api,
  { id, name }: { readonly id: string; readonly name: string },
): ActOf<Charged> {
  const ask = ({ when, ...values }: Values, dry_run: boolean, idempotencyKey?: string) => {
    const { description = "", unit_amount = "", ...rest } = values;
    return api.billing(addItem, {
      params: { client_id: id },
      body: { description, unit_amount, ...filled(rest), invoice_now: when === "now", dry_run },
      ...idempotencyKey === undefined ? {} : { idempotencyKey },
    });
  };
  return {
    name: "One-off charge",
    title: `Charge ${name} once`,
    fields: [
      { name: "description", label: "Description", required: true, hint: "Stands on the invoice." },
      { name: "quantity", label: "Quantity", value: "1", required: true },
      {
        name: "unit_amount",
        label: "Price of one",
        required: true,
        hint: "A decimal like 49.90; below zero it is an allowance.",
      },
      { name: "currency", label: "Currency", hint: "Left empty: the client's." },
      {
        name: "when",
        label: "Put on",
        options: [["later", "the invoice of the period"], ["now", "an invoice of its own, now"]],
      },
      { name: "item_day", label: "Day", kind: "date", hint: "Left empty: today." },
    ],
    preview: async (values) => {
      const { quantity = "", unit_amount = "", currency = "" } = values;
      if (!isDecimal(quantity)) return refused(`"${quantity}" is no quantity`);
      if (!isDecimal(unit_amount)) return refused(`"${unit_amount}" is no price`);
      if (currency !== "" && !isCurrency(currency)) {
        return refused(`"${currency}" is no currency like USD`);
      }
      const { data, error } = await ask(values, true);
      return error === null
        ? { data: <Effect charged={data} />, error: null }
        : { data: null, error };
    },
    run: (values, idempotencyKey) => ask(values, false, idempotencyKey),
    done: ({ item, invoice }) =>
      invoice === null
        ? `It goes on the invoice of the period with ${day(item.item_day)}.`
        : <a href={hrefOf(["invoices", invoice.id])}>To the draft</a>,
  };
}

function Effect({ charged: { item, invoice } }: { readonly charged: Charged }) {
  return (
    <>
      <p>
        <bdi>{item.description}</bdi>: {quantity(item.quantity)} ×{" "}
        {amount(item.unit_amount, item.currency)}
      </p>
      {invoice === null
        ? <p>It goes on the invoice of the period with {day(item.item_day)}.</p>
        : (
          <p>
            A draft of its own has a total of{" "}
            <strong>{money(invoice.total_minor, invoice.currency)}</strong>, discount and tax
            included.
          </p>
        )}
    </>
  );
}

import type { z } from "zod";
import { listTopUps, requestTopUp, type TopUp } from "../../../shared/api/top-ups.ts";
import { clientSpend } from "../../../shared/api/usage.ts";
import { Act, type ActOf, known, refused } from "../acts/act.tsx";
import { enteredMinor } from "../acts/fields.ts";
import type { Api } from "../api/api.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { dayOf } from "../format/days.ts";
import { money } from "../format/figures.ts";
import { hrefOf, type Location } from "../routing/location.ts";
import { type Say, useWords } from "../words/words.ts";
import { Card } from "./card.tsx";
import { Loaded } from "./loaded.tsx";
import { Recharge } from "./recharge.tsx";
import { Status } from "./status.tsx";
import { type Column, Pager, Table } from "./table.tsx";
import { useRole } from "./use-role.ts";

type Row = z.infer<typeof TopUp>;

/** Credit that a client has bought, with the state of each purchase, and when it is bought by itself. */
export function TopUpsCard({ clientId, location }: {
  readonly clientId: string;
  readonly location: Location;
}) {
  const { api } = useConsole();
  const { say } = useWords();
  const mayPay = useRole(clientId, "billing") === true;
  const path = { params: { client_id: clientId } };
  const { cursor } = location.query;
  const answer = useAnswer(
    `top-ups ${clientId} ${cursor}`,
    () => api.billing(listTopUps, { ...path, query: { cursor } }),
    true,
  );
  const spend = useAnswer(`currency of ${clientId}`, () => api.billing(clientSpend, path));
  const currency = spend.data?.currency;
  return (
    <Card
      title={say("topUps")}
      wide
      aside={mayPay && currency !== undefined
        ? <Act act={buy(api, clientId, currency, say)} />
        : undefined}
    >
      <Loaded answer={answer}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label={say("topUps")}
              none={say("noTopUps")}
              rows={data}
              keyOf={({ id }) => id}
              columns={columns(say, mayPay)}
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
      <Recharge clientId={clientId} currency={currency} mayPay={mayPay} />
    </Card>
  );
}

function columns(say: Say, mayPay: boolean): readonly Column<Row>[] {
  return [
    { title: say("state"), cell: ({ state }) => <Status state={state} /> },
    { title: say("requestedOn"), cell: ({ requested_at }) => dayOf(requested_at), isWhole: true },
    {
      title: say("origin"),
      cell: ({ origin }) => say(origin === "request" ? "originRequest" : "originRecharge"),
      isMinor: true,
    },
    {
      title: say("invoice"),
      cell: ({ invoice_id, invoice_number }) =>
        invoice_id === null
          ? ""
          : <a href={hrefOf(["invoices", invoice_id])}>{invoice_number ?? say("draft")}</a>,
    },
    ...mayPay ? [payColumn(say)] : [],
    {
      title: say("amount"),
      cell: ({ amount_minor, currency }) => money(amount_minor, currency),
      isFigure: true,
    },
  ];
}

function payColumn(say: Say): Column<Row> {
  return {
    title: say("pay"),
    cell: ({ payment_url }) =>
      payment_url === null ? "" : <a href={payment_url} rel="noopener">{say("pay")}</a>,
    isMinor: true,
  };
}

function buy(api: Api, clientId: string, currency: string, say: Say): ActOf<Row> {
  return {
    name: say("topUp"),
    title: say("topUpTitle"),
    look: "main",
    fields: [{ name: "amount", label: say("amountIn", { currency }), required: true }],
    preview: ({ amount = "" }) => {
      const minor = enteredMinor(amount, currency);
      return minor === null
        ? refused(say("badAmount", { text: amount, currency }))
        : known(<p>{say("topUpText", { amount: money(minor, currency) })}</p>);
    },
    // The key of the confirmation is the reference, too: confirmed twice it is one top-up.
    run: ({ amount }, idempotencyKey) =>
      api.billing(requestTopUp, {
        params: { client_id: clientId },
        body: {
          amount_minor: enteredMinor(amount, currency) ?? 0,
          currency,
          reference: idempotencyKey,
        },
        idempotencyKey,
      }),
    done: ({ invoice_id, payment_url }) => (
      <>
        <p>{say("topUpMade")}</p>
        {payment_url === null
          ? invoice_id === null
            ? null
            : <a href={hrefOf(["invoices", invoice_id])}>{say("toInvoice")}</a>
          : <a href={payment_url} rel="noopener">{say("pay")}</a>}
      </>
    ),
  };
}

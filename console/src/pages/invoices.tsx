import { Invoice, listInvoices } from "../../../shared/api/invoices.ts";
import { Month } from "../../../shared/api/fields.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { Choice, MonthFilter, TextFilter } from "../parts/choice.tsx";
import { InvoiceTable } from "../parts/invoice-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Pager } from "../parts/table.tsx";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "./page-props.ts";
import { type Say, useWords } from "../words/words.ts";
import { CsvButton, whole } from "../parts/csv-button.tsx";

/** Invoices, newest first. Members see those of their clients that are issued. */
export default function Invoices({ location }: PageProps) {
  const { api, session } = useConsole();
  const { say } = useWords();
  const { query } = location;
  const isOperator = session.role === "operator";
  const status = Invoice.shape.status.safeParse(query.status).data;
  const period = Month.safeParse(query.period).data;
  const asked = {
    limit: 25,
    ...query.cursor === undefined ? {} : { cursor: query.cursor },
    ...query.client === undefined ? {} : { client_id: query.client },
    ...query.number === undefined ? {} : { number: query.number },
    ...status === undefined ? {} : { status },
    ...period === undefined ? {} : { period },
  };
  const answer = useAnswer(
    `invoices ${JSON.stringify(asked)}`,
    () => api.billing(listInvoices, { query: asked }),
  );
  const change = (values: Readonly<Record<string, string>>) =>
    changeQuery(location, { ...values, cursor: undefined });
  return (
    <>
      <h1>{say("invoices")}</h1>
      <div class="filters">
        <Choice
          label={say("status")}
          value={status ?? ""}
          options={statuses(say, isOperator)}
          onChange={(value) => change({ status: value })}
        />
        <MonthFilter
          label={say("period")}
          value={period ?? ""}
          onChange={(value) => change({ period: value })}
        />
        <TextFilter
          label={say("number")}
          placeholder="INV-2026-000001"
          value={query.number ?? ""}
          onChange={(value) => change({ number: value })}
        />
        {query.client === undefined || !isOperator
          ? null
          : (
            <button class="button" type="button" onClick={() => change({ client: "" })}>
              Invoices of all clients
            </button>
          )}
        <CsvButton
          name="invoices"
          ask={(cursor) => api.billing(listInvoices, whole(asked, cursor))}
        />
      </div>
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <InvoiceTable
              invoices={data}
              withClient={isOperator}
              none={say("noSuchInvoice")}
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
    </>
  );
}

function statuses(say: Say, withDrafts: boolean): readonly (readonly [string, string])[] {
  return [
    ["", say("all")],
    ...(["open", "paid", "void", "uncollectible"] as const).map((status) =>
      [
        status,
        say(`state_${status}`),
      ] as const
    ),
    ...withDrafts ? [["draft", say("state_draft")] as const] : [],
  ];
}

import { Invoice, listInvoices } from "../../../shared/api/invoices.ts";
import { Month } from "../../../shared/api/fields.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { Choice, MonthFilter, TextFilter } from "../parts/choice.tsx";
import { InvoiceTable } from "../parts/invoice-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Pager } from "../parts/table.tsx";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "../shell/page-props.ts";

/** Invoices, newest first. Members see those of their clients that are issued. */
export default function Invoices({ location }: PageProps) {
  const { api, session } = useConsole();
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
      <h1>Invoices</h1>
      <div class="filters">
        <Choice
          label="Status"
          value={status ?? ""}
          options={isOperator ? [...STATUSES, ["draft", "Draft"]] : STATUSES}
          onChange={(value) => change({ status: value })}
        />
        <MonthFilter
          label="Period"
          value={period ?? ""}
          onChange={(value) => change({ period: value })}
        />
        <TextFilter
          label="Number"
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
      </div>
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <InvoiceTable
              invoices={data}
              withClient={isOperator}
              none="No invoice is like that."
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
    </>
  );
}

const STATUSES: readonly (readonly [string, string])[] = [
  ["", "All"],
  ["open", "Open"],
  ["paid", "Paid"],
  ["void", "Void"],
  ["uncollectible", "Uncollectible"],
];

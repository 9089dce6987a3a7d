import type { z } from "zod";
import { Delivery, listDeliveries, retryDelivery } from "../../../shared/api/deliveries.ts";
import { Act, type ActOf, known } from "../acts/act.tsx";
import type { Api } from "../api/api.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { instant } from "../format/days.ts";
import { Choice } from "../parts/choice.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Status } from "../parts/status.tsx";
import { type Column, Pager, Table } from "../parts/table.tsx";
import { hrefOf } from "../routing/location.ts";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "./page-props.ts";
import { CsvButton, whole } from "../parts/csv-button.tsx";

type Row = z.infer<typeof Delivery>;

/** What must reach the world outside: how it stands, and another try. */
export default function Deliveries({ location }: PageProps) {
  const { api } = useConsole();
  const { cursor } = location.query;
  const state = Delivery.shape.state.safeParse(location.query.state).data;
  const kind = Delivery.shape.kind.safeParse(location.query.kind).data;
  const asked = {
    limit: 25,
    ...cursor === undefined ? {} : { cursor },
    ...state === undefined ? {} : { state },
    ...kind === undefined ? {} : { kind },
  };
  const answer = useAnswer(
    `deliveries ${JSON.stringify(asked)}`,
    () => api.billing(listDeliveries, { query: asked }),
    true,
  );
  const change = (values: Readonly<Record<string, string>>) =>
    changeQuery(location, { ...values, cursor: undefined });
  return (
    <>
      <h1>Deliveries</h1>
      <div class="filters">
        <Choice
          label="State"
          value={state ?? ""}
          options={[["", "All"], ...Delivery.shape.state.options.map(asOption)]}
          onChange={(value) => change({ state: value })}
        />
        <Choice
          label="Kind"
          value={kind ?? ""}
          options={[["", "All"], ...Delivery.shape.kind.options.map(asOption)]}
          onChange={(value) => change({ kind: value })}
        />
        <CsvButton
          name="deliveries"
          ask={(cursor) => api.billing(listDeliveries, whole(asked, cursor))}
        />
      </div>
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label="Deliveries"
              none="No delivery is like that."
              rows={data}
              keyOf={({ id }) => String(id)}
              columns={[...COLUMNS, {
                title: "Act",
                cell: (row) =>
                  row.state === "dead" || row.state === "skipped"
                    ? <Act act={retry(api, row)} />
                    : null,
              }]}
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
    </>
  );
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "Delivery", cell: ({ kind, event }) => `${kind} · ${event.replaceAll("_", " ")}` },
  { title: "State", cell: ({ state }) => <Status state={state} /> },
  {
    title: "Tries",
    cell: ({ attempts, max_attempts }) => `${attempts} of ${max_attempts}`,
    isMinor: true,
    isWhole: true,
  },
  {
    title: "Of",
    cell: ({ invoice_id, client_id }) =>
      invoice_id !== null
        ? <a href={hrefOf(["invoices", invoice_id])}>Invoice</a>
        : client_id !== null
        ? <a href={hrefOf(["clients", client_id])}>Client</a>
        : null,
    isMinor: true,
  },
  {
    title: "When",
    cell: ({ finished_at, due_at }) => instant(finished_at ?? due_at),
    isWhole: true,
    isMinor: true,
  },
  { title: "Last error", cell: ({ last_error }) => last_error },
];

function asOption(value: string): readonly [string, string] {
  return [value, value];
}

function retry(api: Api, row: Row): ActOf<Row> {
  return {
    name: "Retry",
    title: `Try ${row.kind} · ${row.event.replaceAll("_", " ")} again`,
    look: "main",
    preview: () =>
      known(
        <p>
          It is queued and tried {row.max_attempts}{" "}
          more times at most, the first time within minutes.{" "}
          {row.last_error === null ? "" : `It gave up because of: ${row.last_error}`}
        </p>,
      ),
    run: (_, idempotencyKey) =>
      api.billing(retryDelivery, { params: { delivery_id: row.id }, idempotencyKey }),
  };
}

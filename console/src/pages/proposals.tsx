import type { z } from "zod";
import {
  acceptPriceProposal,
  listPriceProposals,
  type PriceProposal,
  refusePriceProposal,
} from "../../../shared/api/catalogue.ts";
import { Act, type ActOf, known } from "../acts/act.tsx";
import type { Field } from "../acts/fields.ts";
import type { Api } from "../api/api.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { instant } from "../format/days.ts";
import { amount, money } from "../format/figures.ts";
import { Choice } from "../parts/choice.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Status } from "../parts/status.tsx";
import { type Column, Pager, Table } from "../parts/table.tsx";
import { hrefOf } from "../routing/location.ts";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "./page-props.ts";
import { CsvButton, whole } from "../parts/csv-button.tsx";

type Row = z.infer<typeof PriceProposal>;

const STATES = ["open", "accepted", "refused", "superseded"] as const;

/** Changes of list prices and new models, each with what it would change for clients. */
export default function Proposals({ location }: PageProps) {
  const { api } = useConsole();
  const { cursor } = location.query;
  const state = STATES.find((one) => one === location.query.state) ?? "open";
  const answer = useAnswer(
    `proposals ${state} ${cursor}`,
    () =>
      api.billing(listPriceProposals, {
        query: { limit: 25, state, ...cursor === undefined ? {} : { cursor } },
      }),
  );
  return (
    <>
      <h1>Price proposals</h1>
      <div class="filters">
        <Choice
          label="State"
          value={state}
          options={STATES.map((one) => [one, one])}
          onChange={(value) => changeQuery(location, { state: value, cursor: undefined })}
        />
        <CsvButton
          name="price-proposals"
          ask={(next) => api.billing(listPriceProposals, whole({ state }, next))}
        />
      </div>
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label="Price proposals"
              none="No proposal is like that."
              rows={data}
              keyOf={({ id }) => id}
              columns={columnsOf(api, state)}
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
    </>
  );
}

function columnsOf(api: Api, state: string): readonly Column<Row>[] {
  return [
    {
      title: "Proposal",
      cell: ({ model, kind, message }) => (
        <>
          <strong>{model}</strong> <span class="muted">{kind.replaceAll("_", " ")}</span>
          <div>{message}</div>
        </>
      ),
    },
    { title: "List price", cell: (row) => <Amounts row={row} />, isMinor: true, isWhole: true },
    { title: "Effect", cell: ({ effects }) => <Effects effects={effects} /> },
    state === "open"
      ? {
        title: "Decision",
        cell: (row) => (
          <div class="acts">
            <Act act={accept(api, row)} />
            <Act act={refuse(api, row)} />
          </div>
        ),
      }
      : {
        title: "Decision",
        cell: ({ decided_at, decided_by, reason, state: decided }) => (
          <>
            <Status state={decided} /> {decided_at === null ? null : instant(decided_at)}
            <div class="muted">
              {[decided_by, reason].filter((part) => part !== null).join(": ")}
            </div>
          </>
        ),
      },
  ];
}

function Amounts({ row: { old_amount, new_amount } }: { readonly row: Row }) {
  if (new_amount === null) return null;
  return (
    <>
      {old_amount === null ? null : <div class="muted">{amount(old_amount, "USD")}</div>}
      {amount(new_amount, "USD")}
    </>
  );
}

/** What clients' open periods would come to more. */
function Effects({ effects }: { readonly effects: Row["effects"] }) {
  if (effects.length === 0) return <span class="muted">none on open periods</span>;
  return (
    <ul class="list">
      {effects.slice(0, 10).map(({ client_id, currency, minor }) => (
        <li key={client_id}>
          <span>
            <a href={hrefOf(["clients", client_id])}>{client_id.slice(0, 8)}</a>{" "}
            {Number(minor) > 0 ? "+" : ""}
            {money(Math.round(Number(minor)), currency)}
          </span>
        </li>
      ))}
      {effects.length > 10 ? <li class="muted">and {effects.length - 10} more clients</li> : null}
    </ul>
  );
}

const REASON: Field = {
  name: "reason",
  label: "Reason",
  required: true,
  hint: "It stands in the audit log.",
};

function accept(api: Api, row: Row): ActOf<Row> {
  const isNew = row.kind === "new_model";
  return {
    name: "Accept",
    title: `Accept the proposal for ${row.model}`,
    look: "main",
    fields: [
      REASON,
      {
        name: "first_day",
        label: "From",
        kind: "date",
        hint: "Left empty: from the day of the source, or the first one possible.",
      },
      ...isNew
        ? [{ name: "markup", label: "Markup on the list price, %", value: "0", required: true }]
        : [],
    ],
    preview: () =>
      known(
        <>
          <p>
            {row.message}{" "}
            What is settled stays as it is. Open periods change, before discount and tax{isNew
              ? " and without a markup"
              : ""}:
          </p>
          <Effects effects={row.effects} />
        </>,
      ),
    run: ({ reason = "", first_day = "", markup = "" }, idempotencyKey) =>
      api.billing(acceptPriceProposal, {
        params: { proposal_id: row.id },
        body: {
          reason,
          ...first_day === "" ? {} : { first_day },
          ...markup === "" ? {} : { markup_percent: markup },
        },
        idempotencyKey,
      }),
  };
}

function refuse(api: Api, row: Row): ActOf<Row> {
  return {
    name: "Refuse",
    title: `Refuse the proposal for ${row.model}`,
    fields: [REASON],
    preview: () => known(<p>Prices stay as they are. The same is not proposed again.</p>),
    run: ({ reason = "" }, idempotencyKey) =>
      api.billing(refusePriceProposal, {
        params: { proposal_id: row.id },
        body: { reason },
        idempotencyKey,
      }),
  };
}

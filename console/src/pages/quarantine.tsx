import type { z } from "zod";
import { listClients } from "../../../shared/api/clients.ts";
import { listQuarantine, type QuarantineRow } from "../../../shared/api/operations.ts";
import { Act } from "../acts/act.tsx";
import { useConsole } from "../api/context.ts";
import { everyPage } from "../api/every-page.ts";
import { useAnswer } from "../api/use-answer.ts";
import { day } from "../format/days.ts";
import { quantity } from "../format/figures.ts";
import { Choice } from "../parts/choice.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { type Column, Pager, Table } from "../parts/table.tsx";
import { hrefOf } from "../routing/location.ts";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "./page-props.ts";
import { Blocked } from "./home/waiting.tsx";
import { curesOf, type Named } from "./quarantine/cures.tsx";
import { CsvButton, whole } from "../parts/csv-button.tsx";

type Row = z.infer<typeof QuarantineRow>;

const REASONS = [
  "no_client",
  "unknown_client",
  "unknown_provider",
  "unpriced_usage",
  "unpriced_cost",
  "outside_service",
  "item_after_end",
  "invalid_timestamp",
  "before_retention",
  "future_timestamp",
  "invalid_metadata",
  "invalid_feature",
  "too_many_features",
  "too_many_units",
  "too_many_keys",
];

/** What is not billed and why, with what can be done about it. */
export default function Quarantine({ location }: PageProps) {
  const { api } = useConsole();
  const { cursor } = location.query;
  const reason = REASONS.find((one) => one === location.query.reason);
  const clients = useAnswer(
    "names of clients",
    () =>
      everyPage((next) =>
        api.billing(listClients, {
          query: { limit: 200, ...next === undefined ? {} : { cursor: next } },
        }), 5),
  );
  const asked = { limit: 25, ...reason === undefined ? {} : { reason } };
  const answer = useAnswer(
    `quarantine ${reason} ${cursor}`,
    () => api.billing(listQuarantine, { query: { ...asked, cursor } }),
  );
  return (
    <>
      <h1>Quarantine</h1>
      <p class="muted">
        Usage that cannot be billed yet. It is not lost: each reason says how to release it.
      </p>
      <div class="filters">
        <Choice
          label="Reason"
          value={reason ?? ""}
          options={[["", "All"], ...REASONS.map(asOption)]}
          onChange={(value) => changeQuery(location, { reason: value, cursor: undefined })}
        />
        <CsvButton
          name="quarantine"
          ask={(next) => api.billing(listQuarantine, whole(asked, next))}
        />
      </div>
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label="Quarantine"
              none="Nothing is in quarantine."
              rows={data}
              keyOf={({ reason, agent, model, metric, client_id, rate_class }) =>
                JSON.stringify([reason, agent, model, metric, client_id, rate_class])}
              columns={columnsOf(clients.data?.rows ?? [], (row) => (
                <div class="acts">
                  {curesOf(api, row, clients.data?.rows ?? []).map((act) => (
                    <Act key={act.name} act={act} />
                  ))}
                </div>
              ))}
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
      <Blocked />
    </>
  );
}

function columnsOf(
  clients: readonly Named[],
  acts: Column<Row>["cell"],
): readonly Column<Row>[] {
  return [
    { title: "Reason", cell: ({ reason }) => reason.replaceAll("_", " ") },
    {
      title: "Usage",
      cell: ({ client_id, agent, model, metric, rate_class }) => (
        <>
          {client_id === null ? null : (
            <a href={hrefOf(["clients", client_id])}>
              <bdi>{clients.find(({ id }) => id === client_id)?.name ?? client_id.slice(0, 8)}</bdi>
            </a>
          )}
          <div>
            {[
              agent,
              model,
              metric?.replaceAll("_", " "),
              rate_class === "standard" ? null : rate_class,
            ]
              .filter((part) => part !== null && part !== undefined).join(" · ")}
          </div>
        </>
      ),
    },
    { title: "Rows", cell: ({ rows }) => quantity(String(rows)), isFigure: true },
    {
      title: "Days",
      cell: ({ first_day, last_day }) =>
        [...new Set([first_day, last_day])].filter((one) => one !== null).map((one) => day(one))
          .join(" – "),
      isMinor: true,
    },
    { title: "Acts", cell: acts },
  ];
}

function asOption(reason: string): readonly [string, string] {
  return [reason, reason.replaceAll("_", " ")];
}

import { getClient } from "../../../shared/api/clients.ts";
import { Month } from "../../../shared/api/fields.ts";
import { clientMargins, dailyUsage, monthlyUsage } from "../../../shared/api/usage.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { Card, Figure } from "../parts/card.tsx";
import { Choice, MonthFilter, TextFilter } from "../parts/choice.tsx";
import { ClientUsage } from "../parts/client-usage.tsx";
import { CsvButton, whole } from "../parts/csv-button.tsx";
import { DayChart } from "../parts/day-chart.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { Pager, Table } from "../parts/table.tsx";
import { hrefOf, type Location } from "../routing/location.ts";
import { changeQuery } from "../routing/use-location.ts";
import type { PageProps } from "./page-props.ts";
import { Crumbs } from "../parts/crumbs.tsx";
import { dollars } from "./all-usage/dollars.ts";
import { columnsOfMargins, columnsOfUsage } from "./all-usage/columns.tsx";
import { costsByDay, daysOfMonth, totalOf } from "./home/months.ts";

const GROUPS = ["client", "agent", "model", "metric"] as const;

/** Usage of all clients in a month, with its margin; of one client, down to the call. */
export default function AllUsage({ location }: PageProps) {
  const { client } = location.query;
  if (client !== undefined) return <OfClient id={client} location={location} />;
  const month = Month.safeParse(location.query.month).data ??
    new Date().toISOString().slice(0, 7);
  return (
    <>
      <h1>Usage</h1>
      <p class="muted">
        What providers charge for all calls, in USD; counted anew each quarter of an hour.
      </p>
      <Filters location={location} month={month} />
      <Days month={month} />
      {by(location) === "client" && !isFiltered(location)
        ? <Margins month={month} location={location} />
        : <Sums month={month} location={location} />}
    </>
  );
}

function by({ query }: Location): (typeof GROUPS)[number] {
  return GROUPS.find((group) => group === query.by) ?? "client";
}

function isFiltered({ query }: Location): boolean {
  return query.agent !== undefined || query.model !== undefined;
}

function OfClient({ id, location }: { readonly id: string; readonly location: Location }) {
  const { api } = useConsole();
  const answer = useAnswer(
    `client ${id}`,
    () => api.billing(getClient, { params: { client_id: id } }),
  );
  return (
    <Loaded answer={answer} rows={6} title="Usage">
      {(client) => (
        <>
          <Crumbs
            to={[
              [hrefOf(["usage"]), "Usage of all clients"],
              [hrefOf(["clients", client.id]), client.name],
            ]}
          />
          <h1>
            Usage{" "}
            <span class="muted">
              <bdi>{client.name}</bdi>
            </span>
          </h1>
          <ClientUsage clientId={client.id} location={location} />
        </>
      )}
    </Loaded>
  );
}

function Filters({ location, month }: { readonly location: Location; readonly month: string }) {
  const { query } = location;
  const change = (values: Readonly<Record<string, string>>) =>
    changeQuery(location, { ...values, cursor: undefined });
  return (
    <div class="filters">
      <MonthFilter label="Month" value={month} onChange={(value) => change({ month: value })} />
      <Choice
        label="Summed by"
        value={by(location)}
        options={[
          ["client", "Client, with margin"],
          ["agent", "Agent"],
          ["model", "Model"],
          ["metric", "Metric"],
        ]}
        onChange={(value) => change({ by: value })}
      />
      <TextFilter
        label="Agent"
        placeholder=""
        value={query.agent ?? ""}
        onChange={(value) => change({ agent: value })}
      />
      <TextFilter
        label="Model"
        placeholder=""
        value={query.model ?? ""}
        onChange={(value) => change({ model: value })}
      />
    </div>
  );
}

/** What all calls of the month cost, day by day. */
function Days({ month }: { readonly month: string }) {
  const { api } = useConsole();
  const days = daysOfMonth(month, new Date().toISOString().slice(0, 10));
  const answer = useAnswer(
    `days ${month}`,
    () => api.billing(dailyUsage, { query: days }),
    true,
  );
  return (
    <Card title="Provider cost by day">
      <Loaded answer={answer} rows={4}>
        {({ data }) => {
          const costs = costsByDay(data, days);
          return (
            <>
              <Figure value={dollars(totalOf(costs))} note="all calls of the month" />
              <DayChart
                label="Provider cost by day"
                days={costs.map(({ day, cost }) => ({ day, value: Number(cost) }))}
                format={(value) => dollars(value.toFixed(2))}
              />
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}

interface Part {
  readonly month: string;
  readonly location: Location;
}

/** Each client's revenue beside what its calls cost. */
function Margins({ month, location }: Part) {
  const { api } = useConsole();
  const { cursor } = location.query;
  const answer = useAnswer(
    `margins ${month} ${cursor}`,
    () => api.billing(clientMargins, { query: { month, limit: 50, cursor } }),
  );
  return (
    <Card
      title="Margin by client"
      aside={
        <CsvButton
          name={`margins-${month}`}
          ask={(next) => api.billing(clientMargins, whole({ month }, next))}
        />
      }
    >
      <p class="muted">
        Revenue is invoiced less credited, net of tax. A month has it once it is invoiced.
      </p>
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label="Margin by client"
              none="No usage and no revenue in this month."
              rows={data}
              keyOf={({ client_id, currency }) => `${client_id} ${currency}`}
              columns={columnsOfMargins(month)}
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
    </Card>
  );
}

/** The month's usage by agent, model or metric, the dearest first. */
function Sums({ month, location }: Part) {
  const { api } = useConsole();
  const { cursor, agent, model } = location.query;
  const group_by = by(location);
  const asked = { month, group_by, limit: 50, agent, model };
  const answer = useAnswer(
    `sums ${JSON.stringify(asked)} ${cursor}`,
    () => api.billing(monthlyUsage, { query: { ...asked, cursor } }),
  );
  return (
    <Card
      title={`Usage by ${group_by}`}
      aside={
        <CsvButton
          name={`usage-${month}`}
          ask={(next) => api.billing(monthlyUsage, whole(asked, next))}
        />
      }
    >
      <Loaded answer={answer} rows={8}>
        {({ data, next_cursor }) => (
          <>
            <Table
              label={`Usage by ${group_by}`}
              none="No usage in this month."
              rows={data}
              keyOf={(row) => JSON.stringify([row.client_id, row.agent, row.model, row.metric])}
              columns={columnsOfUsage(group_by, month, location)}
            />
            <Pager location={location} next={next_cursor} />
          </>
        )}
      </Loaded>
    </Card>
  );
}

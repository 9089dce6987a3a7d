import type { z } from "zod";
import { Day } from "../../../shared/api/fields.ts";
import { clientUsage, type UsageRow } from "../../../shared/api/usage.ts";
import { useConsole } from "../api/context.ts";
import { everyPage } from "../api/every-page.ts";
import { useAnswer } from "../api/use-answer.ts";
import { day as dayText, daysBetween } from "../format/days.ts";
import { amount, quantity } from "../format/figures.ts";
import { Calls } from "./calls.tsx";
import { hrefOf, type Location } from "../routing/location.ts";
import { changeQuery } from "../routing/use-location.ts";
import { type Say, useWords } from "../words/words.ts";
import { Card } from "./card.tsx";
import { Choice, DayFilter, TextFilter } from "./choice.tsx";
import { CsvButton, whole } from "./csv-button.tsx";
import { Cut } from "./cut.tsx";
import { Loaded } from "./loaded.tsx";
import { type Column, Table } from "./table.tsx";
import { deeper, groupOf, GROUPS } from "./usage-steps.ts";

type Row = z.infer<typeof UsageRow>;

/** Pages of 200 sums that one table shows. */
const MOST_PAGES = 5;

/** A client's usage, summed as one likes, each sum with the way to what is within it. */
export function ClientUsage({ clientId, location }: {
  readonly clientId: string;
  readonly location: Location;
}) {
  const { api } = useConsole();
  const { query } = location;
  const by = groupOf(query.by);
  const asked = {
    start: Day.safeParse(query.from).data,
    end: Day.safeParse(query.to).data,
    agent: query.agent,
    model: query.model,
    group_by: by,
  };
  const ask = (cursor: string | undefined) =>
    api.billing(clientUsage, { params: { client_id: clientId }, ...whole(asked, cursor) });
  const answer = useAnswer(`usage ${clientId} ${JSON.stringify(asked)}`, async () => {
    const first = await ask(undefined);
    if (first.error !== null) return first;
    const rest = await everyPage(
      (cursor) => cursor === undefined ? Promise.resolve(first) : ask(cursor),
      MOST_PAGES,
    );
    if (rest.error !== null) return rest;
    const { start, end } = first.data;
    return { data: { ...rest.data, start, end }, error: null };
  });
  return (
    <>
      <Filters location={location} answered={answer.data} />
      <Loaded answer={answer} rows={8}>
        {({ rows, isWhole, start, end }) => (
          <>
            {query.agent !== undefined && query.calls === start && start === end
              ? (
                <Calls
                  clientId={clientId}
                  model={query.model ?? null}
                  day={start}
                  agent={query.agent}
                  location={location}
                  closeHref={hrefOf(location.path, {
                    ...query,
                    calls: undefined,
                    cursor: undefined,
                  })}
                />
              )
              : null}
            <Card
              title={daysBetween(start, end)}
              aside={<CsvButton name="usage" ask={ask} />}
            >
              <Sums rows={rows} days={{ start, end }} location={location} />
              <Cut shown={rows.length} isWhole={isWhole} />
            </Card>
          </>
        )}
      </Loaded>
    </>
  );
}

function Filters({ location, answered }: {
  readonly location: Location;
  readonly answered: { readonly start: string; readonly end: string } | null;
}) {
  const { say } = useWords();
  const { query } = location;
  const change = (values: Readonly<Record<string, string>>) =>
    changeQuery(location, { ...values, calls: undefined, cursor: undefined });
  return (
    <div class="filters">
      <DayFilter
        label={say("firstDay")}
        value={query.from ?? answered?.start ?? ""}
        onChange={(value) => change({ from: value })}
      />
      <DayFilter
        label={say("lastDay")}
        value={query.to ?? answered?.end ?? ""}
        onChange={(value) => change({ to: value })}
      />
      <Choice
        label={say("summedBy")}
        value={groupOf(query.by)}
        options={GROUPS.map((group) => [group, say(group)])}
        onChange={(value) => change({ by: value })}
      />
      <TextFilter
        label={say("agent")}
        placeholder=""
        value={query.agent ?? ""}
        onChange={(value) => change({ agent: value })}
      />
      <TextFilter
        label={say("model")}
        placeholder=""
        value={query.model ?? ""}
        onChange={(value) => change({ model: value })}
      />
    </div>
  );
}

function Sums({ rows, days, location }: {
  readonly rows: readonly Row[];
  readonly days: { readonly start: string; readonly end: string };
  readonly location: Location;
}) {
  const { session } = useConsole();
  const { say } = useWords();
  const by = groupOf(location.query.by);
  const columns: Column<Row>[] = by === "metric" ? [] : [{
    title: say(by),
    by: (row) => row[by],
    cell: (row) => {
      const value = row[by];
      if (value === null) return "–";
      return (
        <a href={hrefOf(location.path, deeper(location.query, by, value, days))}>
          {by === "day" ? dayText(value) : <bdi>{value}</bdi>}
        </a>
      );
    },
  }];
  return (
    <Table
      label={say("usage")}
      none={say("noUsage")}
      rows={rows}
      order={{ location, name: "usage" }}
      keyOf={({ day, agent, model, metric, rate_class }) =>
        JSON.stringify([day, agent, model, metric, rate_class])}
      columns={[
        ...columns,
        ...figures(say),
        ...session.role === "operator" ? [COST] : [],
      ]}
    />
  );
}

const figures = (say: Say): readonly Column<Row>[] => [
  {
    title: say("metric"),
    by: ({ metric, rate_class }) => `${metric} ${rate_class}`,
    cell: ({ metric, rate_class }) =>
      `${metric.replaceAll("_", " ")}${
        rate_class === "standard" ? "" : say("ofClass", { name: rate_class })
      }`,
  },
  {
    title: say("quantity"),
    by: (row) => Number(row.quantity),
    cell: (row) => quantity(row.quantity),
    isFigure: true,
  },
  {
    title: say("logRows"),
    by: ({ log_count }) => log_count,
    cell: ({ log_count }) => quantity(String(log_count)),
    isFigure: true,
    isMinor: true,
  },
];

/** What the provider charged: the server tells it to operators alone. */
const COST: Column<Row> = {
  title: "Provider cost",
  by: ({ provider_cost }) => provider_cost === null ? null : Number(provider_cost),
  cell: ({ provider_cost }) => provider_cost === null ? "" : amount(provider_cost, "USD"),
  isFigure: true,
};

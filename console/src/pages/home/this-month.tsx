import { allUsage } from "../../../../shared/api/usage.ts";
import { useConsole } from "../../api/context.ts";
import { everyPage } from "../../api/every-page.ts";
import { useAnswer } from "../../api/use-answer.ts";
import { amount, change } from "../../format/figures.ts";
import { Card, Figure } from "../../parts/card.tsx";
import { DayChart } from "../../parts/day-chart.tsx";
import { Loaded } from "../../parts/loaded.tsx";
import { costsByDay, monthsUntil, totalOf } from "./months.ts";

/** What providers charge for this month's calls, against the same days of the month before. */
export function ThisMonth() {
  const { api } = useConsole();
  const today = new Date().toISOString().slice(0, 10);
  const months = monthsUntil(today);
  const answer = useAnswer(`month ${today}`, () =>
    everyPage((cursor) =>
      api.billing(allUsage, {
        query: {
          start: months.before.start,
          end: months.now.end,
          group_by: "day",
          limit: 200,
          ...cursor === undefined ? {} : { cursor },
        },
      }), 10), true);
  return (
    <Card title="This month's provider cost" wide>
      <Loaded answer={answer} rows={6}>
        {({ rows }) => {
          const now = costsByDay(rows, months.now);
          const before = costsByDay(rows, months.before);
          const moved = change(Number(totalOf(before)), Number(totalOf(now)));
          return (
            <>
              <div class="figures">
                <Figure value={dollars(totalOf(now))} note="this month so far" />
                <Figure
                  value={dollars(totalOf(before))}
                  note={`the same days of last month${moved === null ? "" : ` (${moved} since)`}`}
                />
              </div>
              <DayChart
                label="Provider cost by day"
                days={now.map(({ day, cost }) => ({ day, value: Number(cost) }))}
                format={(value) => dollars(value.toFixed(2))}
              />
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}

/** Whole cents: costs have twelve decimals, of which nobody reads more than two here. */
function dollars(decimal: string): string {
  return amount(Number(decimal).toFixed(2), "USD");
}

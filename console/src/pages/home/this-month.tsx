import { dailyUsage } from "../../../../shared/api/usage.ts";
import { useConsole } from "../../api/context.ts";
import { useAnswer } from "../../api/use-answer.ts";
import { change } from "../../format/figures.ts";
import { Card, Figure } from "../../parts/card.tsx";
import { DayChart } from "../../parts/day-chart.tsx";
import { Loaded } from "../../parts/loaded.tsx";
import { dollars } from "../all-usage/dollars.ts";
import { hrefOf } from "../../routing/location.ts";
import { costsByDay, monthsUntil, totalOf } from "./months.ts";

/** What providers charge for this month's calls, against the same days of the month before. */
export function ThisMonth() {
  const { api } = useConsole();
  const today = new Date().toISOString().slice(0, 10);
  const months = monthsUntil(today);
  const answer = useAnswer(`month ${today}`, () =>
    api.billing(dailyUsage, {
      query: { start: months.before.start, end: months.now.end },
    }), true);
  return (
    <Card
      title="This month's provider cost"
      wide
      aside={<a href={hrefOf(["usage"])}>Usage and margin</a>}
    >
      <Loaded answer={answer} rows={6}>
        {({ data }) => {
          const now = costsByDay(data, months.now);
          const before = costsByDay(data, months.before);
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

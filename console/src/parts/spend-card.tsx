import { clientSpend } from "../../../shared/api/usage.ts";
import { minorToDecimal } from "../../../shared/money.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { instant, period } from "../format/days.ts";
import { exponentOf, money } from "../format/figures.ts";
import { hrefOf } from "../routing/location.ts";
import { Card, Figure } from "./card.tsx";
import { DayChart } from "./day-chart.tsx";
import { Loaded } from "./loaded.tsx";
import { useWords } from "../words/words.ts";

/** What a client's running period costs so far, by day, and where it is heading. */
export function SpendCard({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const { say: word } = useWords();
  const answer = useAnswer(
    `spend ${clientId}`,
    () => api.billing(clientSpend, { params: { client_id: clientId } }),
    true,
  );
  return (
    <Card
      title={word("spendSoFar")}
      wide
      aside={<a href={hrefOf(["usage"], { client: clientId })}>{word("usage")}</a>}
    >
      <Loaded answer={answer} rows={6}>
        {(spend) => {
          const say = (minor: number) => money(minor, spend.currency);
          const scale = 10 ** exponentOf(spend.currency);
          return (
            <>
              <div class="figures">
                <Figure
                  value={say(spend.usage_minor)}
                  note={word("beforeDiscount", {
                    period: period(spend.period.start, spend.period.end),
                  })}
                />
                <Figure
                  value={say(spend.forecast_minor)}
                  note={word("expected", { day: spend.elapsed_days, days: spend.total_days })}
                />
                {spend.minimum_minor === 0
                  ? null
                  : <Figure value={say(spend.minimum_minor)} note={word("agreedMinimum")} />}
              </div>
              <DayChart
                label={word("spendByDay")}
                days={spend.days.map(({ day, amount_minor }) => ({
                  day,
                  value: Number(minorToDecimal(amount_minor, exponentOf(spend.currency))),
                }))}
                format={(value) => say(Math.round(value * scale))}
              />
              <Unpriced models={spend.unpriced.map(({ model }) => model)} />
              <p class="muted">{word("countedUpTo", { at: instant(spend.counted_at) })}</p>
            </>
          );
        }}
      </Loaded>
    </Card>
  );
}

function Unpriced({ models }: { readonly models: readonly string[] }) {
  const { say } = useWords();
  if (models.length === 0) return null;
  return (
    <p class="note note-warn">
      {say("notPriced", { models: [...new Set(models)].join(", ") })}
    </p>
  );
}

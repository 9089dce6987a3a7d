import type { z } from "zod";
import { creditBalance, type CreditGrant, listCredits } from "../../../shared/api/credits.ts";
import { useConsole } from "../api/context.ts";
import { everyPage } from "../api/every-page.ts";
import { useAnswer } from "../api/use-answer.ts";
import { dayOf } from "../format/days.ts";
import { money } from "../format/figures.ts";
import { Card, Figure } from "./card.tsx";
import { Cut } from "./cut.tsx";
import { Loaded } from "./loaded.tsx";
import { Status } from "./status.tsx";
import { type Column, Table } from "./table.tsx";
import { type Say, useWords } from "../words/words.ts";

/** What a client's credit is worth now, and the grants it comes from. */
export function CreditCard({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const { say } = useWords();
  const path = { params: { client_id: clientId } };
  const balance = useAnswer(
    `credit balance ${clientId}`,
    () => api.billing(creditBalance, path),
    true,
  );
  const grants = useAnswer(
    `credits ${clientId}`,
    () =>
      everyPage(
        (cursor) => api.billing(listCredits, { ...path, query: { cursor, limit: 200 } }),
        5,
      ),
  );
  return (
    <Card title={say("credit")} wide>
      <Loaded answer={balance}>
        {({ data }) => (
          <div class="figures">
            {data.some(isCredit) ? null : <p class="none">{say("noCredit")}</p>}
            {data.filter(isCredit).map((
              {
                currency,
                balance_minor,
                granted_minor,
                uninvoiced_minor,
                live_minor,
                promotional_minor,
              },
            ) => (
              <Figure
                key={currency}
                value={money(live_minor, currency)}
                note={[
                  say("creditSum", {
                    balance: money(balance_minor, currency),
                    granted: money(granted_minor, currency),
                    uninvoiced: money(uninvoiced_minor, currency),
                  }),
                  ...promotional_minor === 0
                    ? []
                    : [`${say("promotionalCredit")} ${money(promotional_minor, currency)}`],
                ].join(" · ")}
              />
            ))}
          </div>
        )}
      </Loaded>
      <Loaded answer={grants} rows={1}>
        {({ rows, isWhole }) => rows.length === 0 ? null : <Grants rows={rows} isWhole={isWhole} />}
      </Loaded>
    </Card>
  );
}

function Grants({ rows, isWhole }: {
  readonly rows: readonly z.infer<typeof CreditGrant>[];
  readonly isWhole: boolean;
}) {
  const { say } = useWords();
  return (
    <>
      <Table
        label={say("grants")}
        none=""
        rows={rows}
        keyOf={({ id }) => id}
        columns={columns(say)}
      />
      <Cut shown={rows.length} isWhole={isWhole} />
    </>
  );
}

function columns(say: Say): readonly Column<z.infer<typeof CreditGrant>>[] {
  return [
    { title: say("state"), cell: ({ state }) => <Status state={state} /> },
    {
      title: say("grantedOn"),
      cell: ({ granted_at }) => dayOf(granted_at),
      isWhole: true,
    },
    {
      title: say("until"),
      cell: ({ expires_at }) => expires_at === null ? say("open") : dayOf(expires_at),
      isMinor: true,
      isWhole: true,
    },
    {
      title: say("for"),
      cell: ({ kind, metrics, models, agents }) =>
        [
          ...kind === "promotional" ? [say("promotionalCredit")] : [],
          [metrics, models, agents].flatMap((names) => names ?? []).join(", ") ||
          say("allCharges"),
        ].join(": "),
      isMinor: true,
    },
    {
      title: say("amount"),
      cell: ({ amount_minor, currency }) => money(amount_minor, currency),
      isFigure: true,
    },
    {
      title: say("left"),
      cell: ({ left_minor, currency }) => money(left_minor, currency),
      isFigure: true,
    },
  ];
}

/** Where there is neither, usage that is not invoiced yet would read as a debt. */
function isCredit(
  row: Readonly<Record<"balance_minor" | "granted_minor" | "promotional_minor", number>>,
) {
  return row.balance_minor !== 0 || row.granted_minor !== 0 || row.promotional_minor !== 0;
}

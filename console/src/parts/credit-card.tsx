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
import { Table } from "./table.tsx";

/** What a client's credit is worth now, and the grants it comes from. */
export function CreditCard({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
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
    <Card title="Credit" wide>
      <Loaded answer={balance}>
        {({ data }) => (
          <div class="figures">
            {data.some(isCredit) ? null : <p class="none">There is no credit.</p>}
            {data.filter(isCredit).map((
              { currency, balance_minor, granted_minor, uninvoiced_minor, live_minor },
            ) => (
              <Figure
                key={currency}
                value={money(live_minor, currency)}
                note={`${money(balance_minor, currency)} balance + ${
                  money(granted_minor, currency)
                } granted − ${money(uninvoiced_minor, currency)} not invoiced yet`}
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
  return (
    <>
      <Table
        label="Grants of credit"
        none=""
        rows={rows}
        keyOf={({ id }) => id}
        columns={[
          { title: "State", cell: ({ state }) => <Status state={state} /> },
          { title: "Granted", cell: ({ granted_at }) => dayOf(granted_at), isWhole: true },
          {
            title: "Until",
            cell: ({ expires_at }) => expires_at === null ? "open" : dayOf(expires_at),
            isMinor: true,
            isWhole: true,
          },
          {
            title: "For",
            cell: ({ metrics, models, agents }) =>
              [metrics, models, agents].flatMap((names) => names ?? []).join(", ") ||
              "all charges",
            isMinor: true,
          },
          {
            title: "Amount",
            cell: ({ amount_minor, currency }) => money(amount_minor, currency),
            isFigure: true,
          },
          {
            title: "Left",
            cell: ({ left_minor, currency }) => money(left_minor, currency),
            isFigure: true,
          },
        ]}
      />
      <Cut shown={rows.length} isWhole={isWhole} />
    </>
  );
}

/** Where there is neither, usage that is not invoiced yet would read as a debt. */
function isCredit(row: { readonly balance_minor: number; readonly granted_minor: number }) {
  return row.balance_minor !== 0 || row.granted_minor !== 0;
}

import { listItems } from "../../../../shared/api/items.ts";
import { useConsole } from "../../api/context.ts";
import { useAnswer } from "../../api/use-answer.ts";
import { day } from "../../format/days.ts";
import { amount, quantity } from "../../format/figures.ts";
import { Card } from "../../parts/card.tsx";
import { Loaded } from "../../parts/loaded.tsx";
import { Status } from "../../parts/status.tsx";
import { Table } from "../../parts/table.tsx";
import { hrefOf } from "../../routing/location.ts";

/** One-off charges and allowances of a client, the newest first. */
export function Items({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const answer = useAnswer(
    `items of ${clientId}`,
    () => api.billing(listItems, { params: { client_id: clientId }, query: { limit: 10 } }),
  );
  return (
    <Card title="One-off charges" wide>
      <Loaded answer={answer}>
        {({ data }) => (
          <Table
            label="One-off charges"
            none="Nothing is charged beside usage."
            rows={data}
            keyOf={({ id }) => id}
            columns={[
              { title: "What", cell: ({ description }) => <bdi>{description}</bdi> },
              { title: "Day", cell: ({ item_day }) => day(item_day), isWhole: true },
              { title: "State", cell: ({ state }) => <Status state={state} /> },
              {
                title: "Quantity",
                cell: (item) => quantity(item.quantity),
                isFigure: true,
                isMinor: true,
              },
              {
                title: "Price",
                cell: ({ unit_amount, currency }) => amount(unit_amount, currency),
                isFigure: true,
              },
              {
                title: "Invoice",
                cell: ({ invoice_id }) =>
                  invoice_id === null
                    ? ""
                    : <a href={hrefOf(["invoices", invoice_id])}>To the invoice</a>,
                isMinor: true,
              },
            ]}
          />
        )}
      </Loaded>
    </Card>
  );
}

import { getClient } from "../../../shared/api/clients.ts";
import { listInvoices } from "../../../shared/api/invoices.ts";
import { listAssignments, listConfigs, listPrices } from "../../../shared/api/terms.ts";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { day, instant } from "../format/days.ts";
import { money } from "../format/figures.ts";
import { Card, Facts } from "../parts/card.tsx";
import { InvoiceTable } from "../parts/invoice-table.tsx";
import { Loaded } from "../parts/loaded.tsx";
import { MembersCard } from "../parts/members-card.tsx";
import { PriceTable } from "../parts/price-table.tsx";
import { SpendCard } from "../parts/spend-card.tsx";
import { Status } from "../parts/status.tsx";
import { Table } from "../parts/table.tsx";
import { hrefOf } from "../routing/location.ts";
import type { PageProps } from "./page-props.ts";
import { BudgetCard } from "../parts/budget-card.tsx";
import { CreditCard } from "../parts/credit-card.tsx";
import { TopUpsCard } from "../parts/top-ups-card.tsx";
import { ClientActs } from "./client/client-acts.tsx";
import { Items } from "./client/items.tsx";

/** One client: what it spends, its invoices, its terms, its agents and its users. */
export default function ClientPage({ location }: PageProps) {
  const { api } = useConsole();
  const id = location.path[1] ?? "";
  const answer = useAnswer(
    `client ${id}`,
    () => api.billing(getClient, { params: { client_id: id } }),
  );
  return (
    <Loaded answer={answer} rows={6} title="Client">
      {(client) => (
        <>
          <p class="crumbs">
            <a href={hrefOf(["clients"])}>Clients</a>
          </p>
          <h1>
            <bdi>{client.name}</bdi> <Status state={client.status} />
          </h1>
          <ClientActs client={client} />
          <div class="cards">
            <SpendCard clientId={client.id} />
            <Card title="About">
              <Facts
                facts={[
                  ["External id", client.external_id ?? "–"],
                  ["Email", client.email ?? "–"],
                  ["Address", client.address.length === 0 ? "–" : client.address.join(", ")],
                  ["Tax id", client.tax_id ?? "–"],
                  ["Time zone", client.time_zone],
                  ["Language", client.locale],
                  ["Period begins on day", client.billing_anchor_day],
                  ["Served since", day(client.started_on)],
                  ...client.ended_on === null ? [] : [notServed(client.ended_on)],
                ]}
              />
            </Card>
            <div class="stack">
              <Terms clientId={client.id} />
              <MembersCard client={client} />
            </div>
            <Agents clientId={client.id} />
            <BudgetCard clientId={client.id} />
            <CreditCard clientId={client.id} />
            <TopUpsCard clientId={client.id} location={location} />
            <Items clientId={client.id} />
            <Prices clientId={client.id} />
            <Invoices clientId={client.id} />
          </div>
        </>
      )}
    </Loaded>
  );
}

function Invoices({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const answer = useAnswer(
    `invoices of ${clientId}`,
    () => api.billing(listInvoices, { query: { client_id: clientId, limit: 6 } }),
  );
  return (
    <Card
      title="Invoices"
      wide
      aside={<a href={hrefOf(["invoices"], { client: clientId })}>All invoices</a>}
    >
      <Loaded answer={answer}>
        {({ data }) => <InvoiceTable invoices={data} withClient={false} none="No invoice yet." />}
      </Loaded>
    </Card>
  );
}

function Terms({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const answer = useAnswer(
    `terms of ${clientId}`,
    () => api.billing(listConfigs, { query: { client_id: clientId } }),
  );
  return (
    <Card title="Terms">
      <Loaded answer={answer}>
        {({ data }) =>
          data.length === 0
            ? <p class="none">The default terms hold.</p>
            : data.map((config) => (
              <Facts
                key={config.id}
                facts={[
                  ["From", config.effective_from === null ? "always" : day(config.effective_from)],
                  ["Until", config.effective_until === null ? "open" : day(config.effective_until)],
                  ["Currency", config.currency ?? "default"],
                  ["Minimum", minor(config.minimum_minor, config.currency)],
                  [
                    "Discount",
                    config.discount_percent === null
                      ? minor(config.discount_minor, config.currency)
                      : `${config.discount_percent} %`,
                  ],
                  ["Days to pay", config.payment_terms_days ?? "default"],
                ]}
              />
            ))}
      </Loaded>
    </Card>
  );
}

/** Terms without a currency of their own are amounts of the default's, which is not known here. */
function minor(value: number | null, currency: string | null): string {
  if (value === null) return "default";
  if (value === 0) return "none";
  return currency === null ? `${value} minor units` : money(value, currency);
}

/** The client's own prices; where there is none, the default list holds. */
function Prices({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const answer = useAnswer(
    `prices of ${clientId}`,
    () => api.billing(listPrices, { query: { client_id: clientId, limit: 50 } }),
  );
  return (
    <Card title="Own prices" wide aside={<a href={hrefOf(["prices"])}>Default prices</a>}>
      <Loaded answer={answer}>
        {({ data }) => <PriceTable prices={data} none="The default prices hold." />}
      </Loaded>
    </Card>
  );
}

function Agents({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const answer = useAnswer(
    `agents of ${clientId}`,
    () => api.billing(listAssignments, { query: { client_id: clientId } }),
  );
  return (
    <Card title="Agents">
      <Loaded answer={answer}>
        {({ data }) => (
          <Table
            label="Agents"
            none="No agent is assigned."
            rows={data}
            keyOf={({ id }) => id}
            columns={[
              { title: "Agent", cell: ({ agent }) => agent },
              {
                title: "From",
                cell: ({ starts_at }) => starts_at === null ? "always" : instant(starts_at),
              },
              { title: "Until", cell: ({ ends_at }) => ends_at === null ? "" : instant(ends_at) },
            ]}
          />
        )}
      </Loaded>
    </Card>
  );
}

function notServed(endedOn: string): readonly [string, string] {
  return ["Not served from", day(endedOn)];
}

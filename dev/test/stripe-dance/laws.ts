/**
 * What must hold after a reconciliation: what Stripe says is owed and held is what the ledger says,
 * and what differs is told to operators. Stripe's figures are summed here from its objects, by our
 * ids in their metadata, not from what was written down of them.
 */
import type { Reconciliation } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { REMEDIES } from "../../../supabase/functions/reconcile-stripe/remedies.ts";
import { balanceOf } from "../../standins/stripe/balances.ts";
import { remainingOf, totalOf } from "../../standins/stripe/invoice-figures.ts";
import { ledgerOf, noticesOf, standingsOf } from "./ledger.ts";
import { customersOf, type Granted, grantedOf, receivedOf, stripesOf } from "./stripes.ts";
import type { DanceClient, DanceWorld } from "./world.ts";

/** Differences that a person must decide in such a dance; any other is a fault. */
const OF_PEOPLE = new Set(["status", "total", "due", "credit_note", "not_told"]);

/** Every law that is broken, with the figures. */
export async function brokenLaws(world: DanceWorld, result: Reconciliation): Promise<string[]> {
  const broken = [
    ...await faultsOf(world, result),
    ...await untold(world, result),
    ...await unlikeStandings(world, result),
    ...await unsettledEvents(world),
  ];
  for (const client of world.clients) broken.push(...await unlikeMoney(world, client, result));
  const violations = await world.sql<{ invariant: string; subject: string; detail: string }[]>`
    select * from billing.check_invariants()`;
  return [
    ...broken,
    ...violations.map((one) => `invariant ${one.invariant}: ${one.subject}: ${one.detail}`),
  ];
}

/** Differences that no person made. */
async function faultsOf(world: DanceWorld, { left }: Reconciliation): Promise<string[]> {
  const standings = await standingsOf(world);
  const { creditNotes } = world.stripe.state;
  return left.filter(({ kind, number, stripe_invoice_id }) => {
    const own = standings.find((one) => one.number === number);
    const theirs = own === undefined ? [] : stripesOf(world, own.id);
    const isRevised = new Set(theirs.map(totalOf)).size > 1;
    if (kind === "total") return !isRevised;
    if (kind !== "due") return !OF_PEOPLE.has(kind);
    const isVoidedThere = [...creditNotes.values()].some((note) =>
      note.status === "void" && note.invoice === stripe_invoice_id &&
      note.metadata.leveredge_credit_note_id !== undefined
    );
    const others = left.some((one) =>
      (one.kind === "credit_note" || one.kind === "not_told") &&
      one.stripe_invoice_id === stripe_invoice_id
    );
    return !(isRevised || isVoidedThere || others || own?.isPaidElsewhere);
  }).map((one) => `no person made this difference: ${JSON.stringify(one)}`);
}

/** Each difference that is left is told once, with its remedy. */
async function untold(world: DanceWorld, { left }: Reconciliation): Promise<string[]> {
  const notices = (await noticesOf(world)).map(({ message }) => withoutRequest(message));
  return left.flatMap(({ kind, number, stripe_invoice_id, ours, stripes }) => {
    const expected =
      `Stripe and the books differ (${kind}): ${number ?? stripe_invoice_id ?? ""} ` +
      `ours ${ours}, Stripe's ${stripes}. ${REMEDIES[kind]}`;
    const times = notices.filter((told) => told === withoutRequest(expected)).length;
    return times === 1 ? [] : [`told ${times} times: ${expected}`];
  });
}

/** Without the id of the request that Stripe refused, which is another each time. */
const withoutRequest = (text: string) => text.replace(/req_\w+/g, "req");

/** No event is left over: each was acted on, or is none of ours. */
async function unsettledEvents({ sql }: DanceWorld): Promise<string[]> {
  const rows = await sql<{ id: string; type: string; state: string; note: string | null }[]>`
    select id, type, state, note from billing.stripe_events
    where state in ('pending', 'failed') order by id`;
  return rows.map(({ id, type, state, note }) => `event ${id} (${type}) is ${state}: ${note}`);
}

/** Each invoice stands here as there and is due alike, unless its difference is named. */
async function unlikeStandings(world: DanceWorld, { left }: Reconciliation): Promise<string[]> {
  const named = new Set(left.flatMap((one) => [one.number, one.stripe_invoice_id]));
  const notices = await noticesOf(world);
  for (const { id, invoice } of world.stripe.state.creditNotes.values()) {
    if (notices.some(({ key }) => key.startsWith(`stripe:credit-void/${id}`))) named.add(invoice);
  }
  const broken = [];
  for (const { id, number, status, due, carries } of await standingsOf(world)) {
    const all = stripesOf(world, id);
    const [theirs, ...others] = all.filter(({ status, latest_revision }) =>
      status !== "draft" && latest_revision === null
    );
    if (theirs === undefined && due > 0 && !carries && !named.has(number)) {
      broken.push(`${number} is ${status}, ${due} due, and not in Stripe`);
    }
    if (theirs === undefined || carries) continue;
    if (others.some((other) => other.status !== "void")) {
      broken.push(`${number} is in Stripe as ${all.map((one) => one.id).join(" and ")}`);
    }
    if (named.has(number) || all.some((one) => named.has(one.id))) continue;
    const remaining = ["open", "uncollectible"].includes(theirs.status) ? remainingOf(theirs) : 0;
    if (status !== theirs.status || due !== Math.max(remaining, 0)) {
      broken.push(
        `${number} is ${status}, ${due} due; ${theirs.id} is ${theirs.status}, ${remaining} due`,
      );
    }
  }
  return broken;
}

/** Money received, credit held, and what a client owes in all. */
async function unlikeMoney(
  world: DanceWorld,
  client: DanceClient,
  { left }: Reconciliation,
): Promise<string[]> {
  const { stripe } = world;
  const broken = [];
  const ledger = await ledgerOf(world, client.id);
  const received = receivedOf(world, client);
  if (received.kept !== ledger.received) {
    broken.push(`${client.name}: received ${ledger.received} here, ${received.kept} in Stripe`);
  }
  for (const { id, deleted } of customersOf(world, client)) {
    const balance = balanceOf(stripe.state, id, client.currency.toLowerCase());
    if (balance !== 0 && deleted === undefined) {
      broken.push(`${client.name}: Stripe's balance of ${id} is ${balance}`);
    }
  }
  const isNamed = left.some((one) =>
    one.kind !== "due" &&
    stripesOf(world).some((invoice) =>
      invoice.metadata.leveredge_client_id === client.id && invoice.id === one.stripe_invoice_id
    )
  );
  if (isNamed || await isExplained(world, client)) return broken;
  const granted = await grantedOf(world, client);
  const owed = ledger.due - ledger.credit - ledger.toRefund;
  const [most, least] = owedOf(ledger.billed - ledger.elsewhere - received.paid, granted);
  if (owed > most || owed < least) {
    broken.push(
      `${client.name} owes ${owed} here (due ${ledger.due}, credit ${ledger.credit}, to refund ` +
        `${ledger.toRefund}), by Stripe's facts ${least} to ${most} (billed ${ledger.billed}, ` +
        `elsewhere ${ledger.elsewhere}, paid ${received.paid}, ${JSON.stringify(granted)})`,
    );
  }
  return broken;
}

/** What is owed at most and at least; disputed money is written off, not owed. */
function owedOf(unpaid: number, { noted, adjusted, doubtful }: Granted): [number, number] {
  return [unpaid - noted - adjusted + doubtful, unpaid - noted - adjusted];
}

/** Whether operators were told of money of the client that is on no account. */
async function isExplained(world: DanceWorld, client: DanceClient): Promise<boolean> {
  const ids = [
    ...customersOf(world, client).map(({ id }) => id),
    ...stripesOf(world).filter(({ metadata }) => metadata.leveredge_client_id === client.id)
      .map(({ id }) => id),
  ];
  const { creditNotes, balanceTransactions } = world.stripe.state;
  for (const note of creditNotes.values()) if (ids.includes(note.invoice)) ids.push(note.id);
  for (const move of balanceTransactions) if (ids.includes(move.customer)) ids.push(move.id);
  return (await noticesOf(world)).some(({ key }) =>
    /^stripe:(debt|spent|credit|credit-void)\//.test(key) &&
    ids.some((id) => key.split(/[/:]/).includes(id))
  );
}

/**
 * What must hold after a reconciliation: what Stripe says is owed and held is what the ledger says,
 * and what differs is told to operators. Stripe's figures are summed here from its objects, by our
 * ids in their metadata, not from what was written down of them.
 */
import type { Reconciliation } from "../../../supabase/functions/reconcile-stripe/reconcile.ts";
import { REMEDIES } from "../../../shared/stripe/remedies.ts";
import { balanceOf } from "../../standins/stripe/balances.ts";
import { remainingOf, totalOf } from "../../standins/stripe/invoice-figures.ts";
import { ledgerOf, noticesOf, standingsOf } from "./ledger.ts";
import { grantedOf, receivedOf, type Theirs, theirsOf } from "./stripes.ts";
import { unlikeSubscriptions } from "./subscriptions.ts";
import type { DanceClient, DanceWorld } from "./world.ts";

/** Differences that a person must decide in such a dance; any other is a fault. */
const OF_PEOPLE = new Set(["status", "total", "due", "credit_note", "not_told"]);

interface Sides {
  readonly world: DanceWorld;
  readonly theirs: Theirs;
  readonly notices: readonly { readonly key: string; readonly message: string }[];
}

/** Every law that is broken, with the figures. */
export async function brokenLaws(world: DanceWorld, result: Reconciliation): Promise<string[]> {
  const sides = { world, theirs: theirsOf(world), notices: await noticesOf(world) };
  const broken = [
    ...world.deaths,
    ...await faultsOf(sides, result),
    ...untold(sides, result),
    ...await unlikeStandings(sides, result),
    ...await unsettledEvents(world),
    ...await unlikeSubscriptions(world),
  ];
  for (const client of world.clients) broken.push(...await unlikeMoney(sides, client, result));
  const violations = await world.sql<{ invariant: string; subject: string; detail: string }[]>`
    select * from billing.check_invariants()`;
  return [
    ...broken,
    ...violations.map((one) => `invariant ${one.invariant}: ${one.subject}: ${one.detail}`),
  ];
}

/** Differences that no person made. */
async function faultsOf({ world, theirs }: Sides, { left }: Reconciliation): Promise<string[]> {
  const standings = await standingsOf(world);
  const { creditNotes } = world.stripe.state;
  return left.filter(({ kind, number, stripe_invoice_id }) => {
    const own = standings.find((one) => one.number === number);
    const isRevised = new Set(theirs.invoices.get(own?.id ?? "")?.map(totalOf)).size > 1;
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
    return !(isRevised || isVoidedThere || others || own?.isPartlyWrittenOff);
  }).map((one) => `no person made this difference: ${JSON.stringify(one)}`);
}

/** Each difference that is left is told once, with its remedy. */
function untold({ notices: all }: Sides, { left }: Reconciliation): string[] {
  const notices = all.map(({ message }) => withoutRequest(message));
  return left.flatMap(({ kind, number, stripe_invoice_id, ours, stripes }) => {
    const expected =
      `Stripe and the books differ (${kind}): ${number ?? stripe_invoice_id ?? ""} ` +
      `ours ${ours}, Stripe's ${stripes}. ${REMEDIES[kind]}`;
    const times = notices.filter((told) => told === withoutRequest(expected)).length;
    return times === 1 ? [] : [`told ${times} times: ${expected}`];
  });
}

/**
 * Without the id of the request that Stripe refused, which is another each time, and without what is
 * left to credit, which changes.
 */
const withoutRequest = (text: string) =>
  text.replace(/req_\w+/g, "req").replace(/(?<=is more than the )\d+(?= left)/, "what is");

/** No event is left over: each was acted on, or is none of ours. */
async function unsettledEvents({ sql }: DanceWorld): Promise<string[]> {
  const rows = await sql<{ id: string; type: string; state: string; note: string | null }[]>`
    select id, type, state, note from billing.stripe_events
    where state in ('pending', 'failed') order by id`;
  return rows.map(({ id, type, state, note }) => `event ${id} (${type}) is ${state}: ${note}`);
}

/** Each invoice stands here as there and is due alike, unless its difference is named. */
async function unlikeStandings(
  { world, theirs: sides, notices }: Sides,
  { left }: Reconciliation,
): Promise<string[]> {
  const named = new Set(left.flatMap((one) => [one.number, one.stripe_invoice_id]));
  const voidNotes = notices.flatMap(({ key }) => /^stripe:credit-void\/(.*)$/.exec(key)?.[1] ?? []);
  for (const { id, invoice } of world.stripe.state.creditNotes.values()) {
    if (voidNotes.some((noted) => noted.startsWith(id))) named.add(invoice);
  }
  const broken = [];
  for (const { id, number, status, due, carries } of await standingsOf(world)) {
    const all = sides.invoices.get(id) ?? [];
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
  sides: Sides,
  client: DanceClient,
  { left }: Reconciliation,
): Promise<string[]> {
  const { world, theirs } = sides;
  const { stripe } = world;
  const broken = [];
  const ledger = await ledgerOf(world, client.id);
  const received = receivedOf(world, theirs, client);
  if (received.kept !== ledger.received) {
    broken.push(`${client.name}: received ${ledger.received} here, ${received.kept} in Stripe`);
  }
  for (const { id, deleted } of theirs.customers.get(client.id) ?? []) {
    const balance = balanceOf(stripe.state, id, client.currency.toLowerCase());
    if (balance !== 0 && deleted === undefined) {
      broken.push(`${client.name}: Stripe's balance of ${id} is ${balance}`);
    }
  }
  const granted = await grantedOf(world, theirs, client);
  const owed = ledger.due - ledger.credit - ledger.toRefund;
  // Disputed money is written off, not owed.
  const expected = ledger.billed - ledger.elsewhere - received.paid - granted.noted -
    granted.adjusted;
  const explained = explainedOf(sides, client) + namedOf(sides, client, left);
  if (Math.abs(owed - expected) > explained) {
    broken.push(
      `${client.name} owes ${owed} here (due ${ledger.due}, credit ${ledger.credit}, to refund ` +
        `${ledger.toRefund}), by Stripe's facts ${expected} (billed ${ledger.billed}, ` +
        `elsewhere ${ledger.elsewhere}, paid ${received.paid}, ${JSON.stringify(granted)}, ` +
        `explained ${explained})`,
    );
  }
  return broken;
}

/** Totals of invoices whose differences are left and named: a person decides which side is right. */
function namedOf(
  { theirs }: Sides,
  client: DanceClient,
  left: Reconciliation["left"],
): number {
  const named = new Set(
    left.flatMap(({ kind, stripe_invoice_id }) => kind === "due" ? [] : [stripe_invoice_id]),
  );
  return (theirs.invoicesOfClient.get(client.id) ?? []).reduce(
    (sum, invoice) => sum + (named.has(invoice.id) ? totalOf(invoice) : 0),
    0,
  );
}

/** Money of the client that is on no account, as far as operators were told of it. Minor units. */
function explainedOf({ world, theirs, notices }: Sides, client: DanceClient): number {
  const customers = new Set((theirs.customers.get(client.id) ?? []).map(({ id }) => id));
  const invoices = (theirs.invoicesOfClient.get(client.id) ?? []).map(({ id }) => id);
  const { creditNotes, balanceTransactions } = world.stripe.state;
  const ids = new Set([
    ...customers,
    ...invoices,
    ...invoices.flatMap((id) => theirs.notes.get(id) ?? []).map(({ id }) => id),
    ...balanceTransactions.filter(({ customer }) => customers.has(customer)).map(({ id }) => id),
  ]);
  let explained = 0;
  for (const { key, message } of notices) {
    const [, kind, rest = ""] = /^stripe:(debt|spent|credit|credit-void)\/(.*)$/.exec(key) ?? [];
    const id = rest.split(/[/:]/).find((part) => ids.has(part));
    if (kind === undefined || id === undefined) continue;
    const note = creditNotes.get(id);
    explained += kind.startsWith("credit") && note !== undefined
      ? note.amount
      : minorOf(message, client);
  }
  return explained;
}

/** The first amount that a message names: "12.30 USD" is 1230. */
function minorOf(message: string, { currency, exponent }: DanceClient): number {
  const [, text = ""] = new RegExp(`([\\d.]+) ${currency}`).exec(message) ?? [];
  return Math.round(Number(text) * 10 ** exponent);
}

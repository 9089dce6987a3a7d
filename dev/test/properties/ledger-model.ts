import type { Random } from "../support/random.ts";

/** What a client's accounts stand at, debits above zero; earnings and tax follow from the rest. */
export interface Accounts {
  receivable: number;
  customer_credit: number;
  cash: number;
  refunds_due: number;
  write_off: number;
  adjustments: number;
}

export interface ModelInvoice {
  readonly id: string;
  readonly client: string;
  readonly total: number;
  readonly applied: number;
  status: "open" | "paid" | "void" | "uncollectible";
  credited: number;
  paid: number;
  writtenOff: number;
}

interface ModelNote {
  readonly invoice: ModelInvoice;
  readonly total: number;
  readonly offDue: number;
  readonly refund: number;
  isVoid: boolean;
}

/** One thing that is tried: its name, the invoice or client, and an amount. */
export interface Operation {
  readonly kind: (typeof KINDS)[number];
  readonly invoice: ModelInvoice;
  readonly amount: number;
}

/** Twice as often as others: what moves an invoice on. */
const KINDS = [
  "pay",
  "pay",
  "pay_again",
  "credit",
  "credit",
  "credit_refund",
  "void_note",
  "void",
  "write_off",
  "refund",
  "refund_failed",
  "dispute",
  "dispute_reversed",
  "adjust",
] as const;

/**
 * The rules of money after an invoice, written a second time and without a database: what each
 * operation does to the accounts of a client, and which are refused.
 */
export class LedgerModel {
  readonly accounts = new Map<string, Accounts>();
  readonly invoices: ModelInvoice[] = [];
  readonly #notes: ModelNote[] = [];

  constructor(clients: readonly string[]) {
    for (const client of clients) {
      this.accounts.set(client, {
        receivable: 0,
        customer_credit: 0,
        cash: 0,
        refunds_due: 0,
        write_off: 0,
        adjustments: 0,
      });
    }
  }

  /** An operation on an invoice, mostly a new one. */
  choose(random: Random): Operation {
    const recent = random.chance(70) ? Math.min(this.invoices.length, 24) : this.invoices.length;
    const invoice = this.invoices[this.invoices.length - 1 - random.below(recent)];
    if (invoice === undefined) throw new Error("no invoice to choose");
    const due = dueOf(invoice);
    const amount = random.chance(40) && due > 0 ? due : random.between(1, 6000);
    return { kind: random.pick(KINDS), invoice, amount };
  }

  /** Takes credit as the invoice is issued; says how much the books must have taken. */
  issue(client: string, id: string, total: number): number {
    const accounts = this.#of(client);
    const applied = Math.min(total, 0 - accounts.customer_credit);
    accounts.customer_credit += applied;
    accounts.receivable += total - applied;
    const status = applied === total ? "paid" : "open";
    this.invoices.push({ id, client, total, applied, status, credited: 0, paid: 0, writtenOff: 0 });
    return applied;
  }

  /** Does it; false where it must be refused. */
  act({ kind, invoice, amount }: Operation): boolean {
    const accounts = this.#of(invoice.client);
    switch (kind) {
      case "pay":
        return this.#pay(invoice, accounts, amount);
      case "pay_again":
        return true;
      case "credit":
      case "credit_refund":
        return this.#credit(invoice, accounts, amount, kind === "credit_refund");
      case "void_note":
        return this.#voidNote(invoice, accounts);
      case "void":
        return voidInvoice(invoice, accounts);
      case "write_off":
        return writeOff(invoice, accounts);
      case "refund":
      case "refund_failed":
        return move(accounts, "refunds_due", "cash", kind === "refund" ? amount : -amount);
      case "dispute":
      case "dispute_reversed":
        return move(accounts, "write_off", "cash", kind === "dispute" ? amount : -amount);
      case "adjust": {
        const wanted = amount % 2 === 0 ? amount : -amount;
        const moved = Math.max(wanted, accounts.customer_credit);
        return move(accounts, "adjustments", "customer_credit", moved);
      }
    }
  }

  #pay(invoice: ModelInvoice, accounts: Accounts, amount: number): boolean {
    const settled = Math.min(amount, dueOf(invoice));
    if (invoice.status === "uncollectible") move(accounts, "receivable", "write_off", settled);
    move(accounts, "cash", "receivable", settled);
    move(accounts, "cash", "customer_credit", amount - settled);
    invoice.paid += settled;
    close(invoice);
    return true;
  }

  #credit(invoice: ModelInvoice, accounts: Accounts, amount: number, isRefund: boolean): boolean {
    const noted = this.#notes.filter((note) => note.invoice === invoice && !note.isVoid)
      .reduce((sum, note) => sum + note.total, 0);
    if (invoice.status === "void" || amount > invoice.total - noted) return false;
    const offDue = Math.min(amount, dueOf(invoice));
    if (invoice.status === "uncollectible") move(accounts, "receivable", "write_off", offDue);
    accounts.receivable -= offDue;
    accounts[isRefund ? "refunds_due" : "customer_credit"] -= amount - offDue;
    invoice.credited += offDue;
    close(invoice);
    const refund = isRefund ? amount - offDue : 0;
    this.#notes.push({ invoice, total: amount, offDue, refund, isVoid: false });
    return true;
  }

  /** The last note of the invoice that stands. */
  #voidNote(invoice: ModelInvoice, accounts: Accounts): boolean {
    const note = this.#notes.findLast((each) => each.invoice === invoice && !each.isVoid);
    if (note === undefined) return false;
    const isOffDue = note.offDue === note.total && invoice.status === "open";
    if (note.refund !== note.total && !isOffDue) return false;
    note.isVoid = true;
    invoice.credited -= note.offDue;
    accounts.receivable += note.offDue;
    accounts.refunds_due += note.refund;
    return true;
  }

  #of(client: string): Accounts {
    const accounts = this.accounts.get(client);
    if (accounts === undefined) throw new Error(`no client ${client}`);
    return accounts;
  }
}

function dueOf(invoice: ModelInvoice): number {
  return invoice.status === "open" || invoice.status === "uncollectible"
    ? invoice.total - invoice.applied - invoice.credited - invoice.paid
    : 0;
}

function close(invoice: ModelInvoice): void {
  const isOwed = invoice.status === "open" || invoice.status === "uncollectible";
  if (isOwed && dueOf(invoice) === 0) invoice.status = "paid";
}

function move(
  accounts: Accounts,
  debit: keyof Accounts,
  credit: keyof Accounts,
  amount: number,
): boolean {
  accounts[debit] += amount;
  accounts[credit] -= amount;
  return true;
}

function voidInvoice(invoice: ModelInvoice, accounts: Accounts): boolean {
  const isOwed = invoice.status === "open" || invoice.status === "uncollectible";
  if (!isOwed || invoice.paid > 0 || invoice.credited > 0) return false;
  if (invoice.status === "uncollectible") accounts.write_off -= invoice.writtenOff;
  else accounts.receivable -= dueOf(invoice);
  accounts.customer_credit -= invoice.applied;
  invoice.status = "void";
  return true;
}

function writeOff(invoice: ModelInvoice, accounts: Accounts): boolean {
  if (invoice.status !== "open") return false;
  invoice.writtenOff = dueOf(invoice);
  move(accounts, "write_off", "receivable", invoice.writtenOff);
  invoice.status = "uncollectible";
  return true;
}

import { AsyncLocalStorage } from "node:async_hooks";

/** What is known of the request that is being answered, for its line in the log. */
export interface Visit {
  /** Of the request: the caller's own `x-request-id`, or one made here. */
  readonly id: string;
  /** The path as the route writes it: `/billing/invoices/{invoice_id}`. */
  route: string;
  /** Nobody vouches for the caller. */
  stranger: boolean;
  readonly invoiceIds: Set<string>;
}

/** More would make a line that nobody reads. */
const MOST_INVOICES = 100;

const visits = new AsyncLocalStorage<Visit>();

/** Answers a request as part of its visit: whatever is awaited meanwhile belongs to it. */
export function during<T>(visit: Visit, answer: () => T): T {
  return visits.run(visit, answer);
}

/** The visit that the code which asks is part of; undefined outside of requests. */
export function currentVisit(): Visit | undefined {
  return visits.getStore();
}

/** Notes which invoice a request is about. */
export function noteInvoice(id: string | null | undefined): void {
  const invoiceIds = currentVisit()?.invoiceIds;
  if (id && invoiceIds !== undefined && invoiceIds.size < MOST_INVOICES) invoiceIds.add(id);
}

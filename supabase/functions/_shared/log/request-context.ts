import { AsyncLocalStorage } from "node:async_hooks";

/** What is known of the request that is being answered, for its line in the log. */
export interface RequestContext {
  /** Of the request: the caller's own `x-request-id`, or one made here. */
  readonly id: string;
  /** The path as the route writes it: `/billing/invoices/{invoice_id}`. */
  route: string;
  /** Who sent it, where that is known. */
  caller?: string;
  readonly invoiceIds: Set<string>;
}

/** More would make a line that nobody reads. */
const MOST_INVOICES = 100;

const contexts = new AsyncLocalStorage<RequestContext>();

/** Answers a request within its context; everything awaited meanwhile shares it. */
export function inContext<T>(current: RequestContext, answer: () => T): T {
  return contexts.run(current, answer);
}

/** The context of the request being answered; undefined outside of requests. */
export function currentRequest(): RequestContext | undefined {
  return contexts.getStore();
}

/** Notes which invoice a request is about. */
export function noteInvoice(id: string | null | undefined): void {
  const invoiceIds = currentRequest()?.invoiceIds;
  if (id && invoiceIds !== undefined && invoiceIds.size < MOST_INVOICES) invoiceIds.add(id);
}

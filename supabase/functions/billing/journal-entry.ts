import { z } from "zod";

/** An entry of billing.journal, its day in UTC. */
export const Entry = z.object({
  at: z.string(),
  day: z.string(),
  transaction_id: z.string(),
  kind: z.string(),
  number: z.string().nullable(),
  client: z.string(),
  client_id: z.string(),
  account: z.string(),
  processor: z.string().nullable(),
  debit_minor: z.int(),
  credit_minor: z.int(),
  currency: z.string(),
  taxes: z.string().nullable(),
  posted_at: z.string(),
  exponent: z.union([z.literal(0), z.literal(2), z.literal(3)]),
});

export type JournalEntry = z.infer<typeof Entry>;

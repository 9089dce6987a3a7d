/** Findings that torture, worlds or a dance make again by a mistake of their own, by its name. */
export const PLANTED_ELSEWHERE = {
  torture: {
    C1: "usage not held",
    C2: "months between two subscriptions billed",
    C3: "months between an end and a return billed",
    C4: "rename rebuilt within the rollup",
    C7: "failed run not tried again",
    C13: "meters and models not counted as terms",
    M1: "set-off line cast to an item",
    M2: "negated parts cut to their whole",
  },
  worlds: { M1: "M1", M2: "M2", M3: "M3", M4: "M4", C2: "C2", C3: "C3" },
  dance: {
    S1: "S1 Stripe's balance of a customer is not booked",
    S2: "S2 the first credit note that is made in Stripe is dropped",
    S3: "S3 a refund that fails stays refunded",
    S4: "S4 a credit note that is voided in Stripe stands here",
    S6: "S6 a revision in Stripe voids ours, and its money is on no book",
    G7: "G7 invoices of a client with a tax id that go out at once die",
    C10: "C10 refunds whose sum comes first are counted twice",
  },
} as const;

/** Findings that nothing plants, with the reason. */
export const NOT_PLANTED: Readonly<Record<string, string>> = {
  C19: "a figure: `npm run bench -- floods` bounds how long health takes at many clients",
  G6: "figures: docs/performance.md says how long alerts, a forecast and a month take, and up to " +
    "how many clients",
};

/** All findings of the review that the issues Settling, Stripe and Defence are about. */
export const FINDINGS: readonly string[] = [["C", 28], ["M", 11], ["G", 7], ["S", 21], ["X", 17]]
  .flatMap(([letter, count]) =>
    Array.from({ length: Number(count) }, (_, index) => `${letter}${index + 1}`)
  );

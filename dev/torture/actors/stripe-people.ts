/** What happens at Stripe: clients pay, people use the Dashboard, webhooks get lost and doubled. */
import { setTimeout } from "node:timers/promises";
import { StripeFailure } from "../../standins/stripe/errors.ts";
import type { Invoice } from "../../standins/stripe/objects.ts";
import type { Random } from "../../test/support/random.ts";
import { attempt, Refused } from "../attempt.ts";
import type { Actor, Outside, Stage } from "../stage.ts";

type Deed = readonly [what: string, wants: Invoice["status"], act: (id: string) => unknown];

/** Pays, in whole or in part, or not; refunds, credits, voids and writes off in the Dashboard. */
export function stripePeople({ history }: Stage, { stripe }: Outside): Actor {
  const left = (id: string) => {
    const { lines, amount_paid, pre_payment_credit_notes_amount } = stripe.state.invoice(id);
    const total = lines.reduce((sum, { amount }) => sum + amount, 0);
    return total - amount_paid - pre_payment_credit_notes_amount;
  };
  const pay: Deed = ["pays", "open", (id) => stripe.payInvoice(id)];
  const deeds = (random: Random): readonly [Deed, ...Deed[]] => [
    pay,
    pay,
    pay,
    pay,
    ["pays a part", "open", (id) => stripe.payInvoice(id, random.between(1, left(id)))],
    ["has no money", "open", (id) => stripe.failPayment(id)],
    ["gets money back", "paid", (id) => stripe.dashboard.refund(id, random.between(1, 300))],
    ["gets money back", "open", (id) => stripe.dashboard.refund(id, random.between(1, 300))],
    [
      "gets credit",
      "open",
      (id) =>
        stripe.dashboard.credit({ invoice: id, amount: random.between(1, 200), memo: "Outage" }),
    ],
    ["moves", "open", (id) =>
      stripe.dashboard.updateCustomer(stripe.state.invoice(id).customer, {
        address: { line1: `${random.between(1, 99)} New Street`, country: "IE" },
      })],
    ["is let off", "open", (id) => stripe.dashboard.voidInvoice(id)],
    ["is given up", "open", (id) => stripe.dashboard.writeOff(id)],
  ];
  return {
    name: "stripe people",
    pauseMs: 800,
    act: (random) => {
      const [what, wants, act] = random.pick(deeds(random));
      const able = [...stripe.state.invoices.values()].filter(({ status }) => status === wants);
      const invoice = able[random.below(Math.max(able.length, 1))];
      if (invoice === undefined) return Promise.resolve();
      return attempt(history, {
        actor: "stripe people",
        what: `the client of ${invoice.id} ${what}`,
        touches: [`client ${stripe.state.customer(invoice.customer).name}`],
      }, () => {
        try {
          act(invoice.id);
        } catch (error) {
          const said = error instanceof Error ? error.message : String(error);
          if (error instanceof StripeFailure || /is not paid/.test(said)) throw new Refused(said);
          throw error;
        }
        return Promise.resolve("");
      });
    },
  };
}

/** Holds webhooks back, then sends them twice and shuffled, but for some that are lost. */
export function postman({ stripe }: Outside): Actor {
  return {
    name: "postman",
    pauseMs: 4000,
    act: async (random) => {
      stripe.webhooks.holding = true;
      await setTimeout(random.between(200, 2500));
      await stripe.webhooks.releaseBadly(() => random.chance(10));
    },
  };
}

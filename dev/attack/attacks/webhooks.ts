import fc from "fast-check";
import type { Attack, Attacks } from "../attack.ts";

/** Events of nobody: unsigned, signed by others, long past, or signed and changed. */
export const webhooks: Attacks = ({ staleSignature, victim, allIds }) =>
  fc.record({
    type: fc.constantFrom("invoice.paid", "charge.refunded", "customer.deleted", "x".repeat(300)),
    id: fc.constantFrom(...allIds),
    name: fc.constantFrom(...victim),
    how: fc.constantFrom("none", "stale", "forged", "long", "changed"),
    age: fc.integer({ min: -1000, max: 1000 }),
  }).map(({ type, id, name, how, age }): Attack => {
    const now = Math.floor(Date.now() / 1000);
    const body = JSON.stringify({
      id: `evt_${id}`,
      object: "event",
      type,
      livemode: false,
      created: now,
      data: { object: { id: "in_x", object: "invoice", metadata: { leveredge_invoice_id: id } } },
    });
    const signatures: Readonly<Record<string, string>> = {
      stale: staleSignature(body),
      forged: `t=${now + age},v1=${"0".repeat(64)}`,
      long: `t=${now},v1=${"a".repeat(1900)}`,
      changed: staleSignature(`${body} `),
    };
    return {
      concern: "webhooks",
      caller: "anon",
      method: "POST",
      path: "/functions/v1/stripe-webhook",
      headers: how === "none" ? {} : { "stripe-signature": signatures[how] ?? "" },
      body: how === "changed" ? body.replace("in_x", name) : body,
    };
  });

import fc from "fast-check";
import type { Attack, Attacks } from "../attack.ts";

/** Tokens of links to invoices that open nothing: ended, expired, made up and of another form. */
export const links: Attacks = ({ endedLinks, fileToken, victim }) => {
  const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
  const token = fc.oneof<fc.Arbitrary<unknown>[]>(
    fc.constantFrom(...endedLinks),
    fc.constantFrom(...endedLinks).map((one) => one.toUpperCase()),
    fc.constantFrom(...endedLinks).map((one) => ` ${one}`),
    hex,
    fc.constantFrom<unknown>(...victim, fileToken, "", "%", null, 0, [], { token: "x" }),
    fc.constantFrom(...endedLinks).map((one) => [one]),
  );
  return fc.record({
    token,
    path: fc.constantFrom("open", "evidence"),
    caller: fc.constantFrom(
      ...["anon", "anon", "member", "outsider", "keyed", "signed", "forged"] as const,
    ),
  }).map(({ token, path, caller }): Attack => ({
    concern: "links",
    caller,
    method: "POST",
    path: `/functions/v1/billing/invoice-links/${path}`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  }));
};

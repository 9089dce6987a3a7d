import fc from "fast-check";
import { platformKeys } from "../../platform/keys.ts";
import type { Attack, Attacks } from "../attack.ts";
import { NOISE, PATHS } from "../paths.ts";

/** Credentials that open nothing, in every place and shape that a header allows. */
export const tokens: Attacks = ({ forged, oddlySigned, allIds }) => {
  const place = fc.constantFrom<(token: string) => Record<string, string>>(
    (token) => ({ authorization: `Bearer ${token}` }),
    (token) => ({ apikey: platformKeys.publishable, authorization: `Bearer ${token}` }),
    (token) => ({ apikey: token }),
    (token) => ({ apikey: token, authorization: `Bearer ${token}` }),
    (token) => ({ authorization: `bearer  ${token}` }),
    (token) => ({ authorization: token }),
    (token) => ({ authorization: `Basic ${btoa(`${token.slice(0, 40)}:`)}` }),
    (token) => ({ authorization: `Bearer ${token}, Bearer ${token}` }),
    (token) => ({ "stripe-signature": token }),
    (token) => ({ cookie: `sb-access-token=${token.slice(0, 2000)}` }),
  );
  const token = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...forged) },
    { weight: 1, arbitrary: fc.string({ maxLength: 80 }).map((text) => text.replace(NOISE, "x")) },
  );
  return fc.record({
    token,
    place,
    odd: fc.constantFrom(...oddlySigned),
    isOdd: fc.nat(4).map((one) => one === 0),
    path: fc.constantFrom(...PATHS),
    id: fc.constantFrom(...allIds),
  }).map(({ token: forgedToken, odd, isOdd, place, path: [method, path], id }): Attack => {
    const isDataApi = path.startsWith("/rest/");
    const token = isOdd && !isDataApi ? odd : forgedToken;
    return {
      concern: "tokens",
      caller: "forged",
      method,
      path: path.replaceAll("ID", id),
      headers: { "content-type": "application/json", ...place(token) },
      ...method === "GET" ? {} : { body: isDataApi ? '{"agent":"FORGED","model":"m"}' : "[]" },
    };
  });
};

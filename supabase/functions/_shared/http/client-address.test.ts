import assert from "node:assert/strict";
import { clientAddress } from "./client-address.ts";

const of = (headers: Record<string, string>) => clientAddress(new Headers(headers));

Deno.test("the first address of x-forwarded-for counts, the hosted service's own header before it", () => {
  assert.equal(of({ "x-forwarded-for": "192.0.2.1, 10.0.0.1" }), "192.0.2.1");
  assert.equal(
    of({ "x-forwarded-for": "192.0.2.1", "cf-connecting-ip": "198.51.100.7" }),
    "198.51.100.7",
  );
  assert.equal(of({}), null);
  assert.equal(of({ "x-forwarded-for": "<script>" }), null);
});

Deno.test("of an IPv6 address the network counts, however it is written", () => {
  for (const address of ["2001:db8::1", "2001:DB8::2:3", "2001:0db8:0:0:1:2:3:4"]) {
    assert.equal(of({ "x-forwarded-for": address }), "2001:db8:0:0::/64");
  }
  assert.equal(of({ "x-forwarded-for": "::1" }), "0:0:0:0::/64");
  assert.equal(of({ "x-forwarded-for": "2001:db8:1:2:3::" }), "2001:db8:1:2::/64");
});

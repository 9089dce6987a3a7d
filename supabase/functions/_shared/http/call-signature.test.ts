import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { createHmac } from "node:crypto";
import { env } from "node:process";
import { sha256Of } from "../../../../shared/sha256.ts";
import { authenticate } from "./authenticate.ts";
import { CALL_SIGNATURE, isSignedCall } from "./call-signature.ts";
import { ProblemError } from "./problem.ts";
import { readText } from "./read-body.ts";

const KEY = "key";
const AT = 1_700_000_000;
const BODY = '{"only": "outbox"}';

interface Given {
  readonly at?: number;
  readonly method?: string;
  readonly path?: string;
  readonly body?: string;
  readonly key?: string;
}

function sign({ at = AT, method = "POST", path = "/deliver", body = "{}", key = KEY }: Given = {}) {
  const digest = sha256Of(body);
  const hmac = createHmac("sha256", key).update(`${at}\n${method}\n${path}\n${digest}`);
  return `t=${at},b=${digest},v1=${hmac.digest("hex")}`;
}

function call(signature: string, path = "/deliver", init: RequestInit = {}): Request {
  return new Request(`http://functions${path}`, {
    method: "POST",
    body: "{}",
    ...init,
    headers: { [CALL_SIGNATURE]: signature },
  });
}

async function withKeys<T>(keys: string | undefined, work: () => T | Promise<T>): Promise<T> {
  const before = env.SUPABASE_SECRET_KEYS;
  if (keys === undefined) delete env.SUPABASE_SECRET_KEYS;
  else env.SUPABASE_SECRET_KEYS = keys;
  try {
    return await work();
  } finally {
    if (before === undefined) delete env.SUPABASE_SECRET_KEYS;
    else env.SUPABASE_SECRET_KEYS = before;
  }
}
const keys = JSON.stringify({ default: "other", cron: KEY });

Deno.test("a job's signature is what the database makes of the same key, path, body and time", () => {
  // The same one stands in supabase/tests/60_delivery/job-calls-key-in-queue.sql.
  strictEqual(
    sign(),
    "t=1700000000,b=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a," +
      "v1=71a4802d12faefa4980de679d14d15351c8d3865838ac5cf4d4881527912882e",
  );
});

Deno.test("a signed call is good for its method, its path and five minutes, by the key named cron", async () => {
  await withKeys(keys, () => {
    const good = (signature: string, path?: string, init?: RequestInit, now = AT) =>
      isSignedCall(call(signature, path, init), now);
    deepStrictEqual([
      good(sign()),
      good(sign(), "/functions/v1/deliver"),
      good(sign(), "/deliver", {}, AT + 300),
      good(sign(), "/deliver", {}, AT - 300),
      good(sign({ path: "/deliver?x=1" }), "/deliver?x=1"),
    ], [true, true, true, true, true]);
    const refused = [
      good(sign(), "/deliver", {}, AT + 301),
      good(sign(), "/deliver", {}, AT - 301),
      good(sign(), "/reconcile-stripe"),
      good(sign(), "/deliver/x"),
      good(sign(), "/deliver?x=1"),
      good(sign(), "/deliver", { method: "GET", body: null }),
      good(sign({ key: "other" })),
      good(sign({ key: "" })),
      good(sign().replace(`t=${AT}`, `t=${AT + 1}`)),
      good(sign().replace(/b=../, "b=00")),
      good(sign().replace(/v1=../, "v1=00")),
      good(`${sign()},v1=x`),
      good(sign().toUpperCase()),
      good(""),
    ];
    deepStrictEqual(refused, refused.map(() => false));
  });
  for (const none of [undefined, "", "{", "{}", '{"cron":""}', '{"default":"key"}']) {
    strictEqual(await withKeys(none, () => isSignedCall(call(sign()), AT)), false, none);
  }
});

Deno.test("a body that is not the signed one is refused when it is read, and the signed one is read", async () => {
  await withKeys(keys, async () => {
    const read = async (body: string) => {
      const request = call(sign({ body: BODY }), "/deliver", { body });
      strictEqual(isSignedCall(request, AT), true);
      return await readText(request, 1000);
    };
    strictEqual(await read(BODY), BODY);
    for (const other of ["{}", "", `${BODY} `, '{"days": 365}']) {
      await rejects(
        () => read(other),
        (error) => error instanceof ProblemError && error.problem.code === "unauthorized",
        other,
      );
    }
  });
});

Deno.test("a signed call is of the key cron; a wrong signature is nobody, with any other key", async () => {
  const now = Math.floor(Date.now() / 1000);
  await withKeys(keys, async () => {
    const caller = await authenticate(call(sign({ at: now })));
    deepStrictEqual([caller?.actor, caller?.name], ["cron", "key:cron"]);
    strictEqual(await authenticate(call(sign())), null, "too old");
    const both = call("x");
    both.headers.set("apikey", KEY);
    strictEqual(await authenticate(both), null);
  });
});

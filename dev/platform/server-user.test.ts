import { deepStrictEqual, throws } from "node:assert/strict";
import { chooseServerUser } from "./server-user.ts";

Deno.test("PostgreSQL runs as postgres where that account exists, else as nobody", () => {
  const nobody = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
  const postgres = `${nobody}postgres:x:101:104::/var/lib/postgresql:/bin/bash\n`;
  deepStrictEqual(chooseServerUser(postgres), { uid: 101, gid: 104 });
  deepStrictEqual(chooseServerUser(nobody), { uid: 65534, gid: 65534 });
  throws(() => chooseServerUser("root:x:0:0::/root:/bin/sh\n"), /cannot run as root/);
});

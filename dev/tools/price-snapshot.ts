import { gzip } from "node:zlib";
import { promisify } from "node:util";
import { join } from "node:path";
import { SNAPSHOT_FILE } from "../../shared/catalogue/snapshot.ts";
import { priceFieldsOnly } from "../../shared/catalogue/snapshot-fields.ts";
import { repositoryRoot } from "../platform/repository.ts";

// node dev/bootstrap.mjs dev/tools/price-snapshot.ts MAP: keeps what LiteLLM's map says of prices.
const [map] = Deno.args;
if (map === undefined) {
  console.log("usage: node dev/bootstrap.mjs dev/tools/price-snapshot.ts MAP");
  Deno.exit(2);
}
const text = priceFieldsOnly(await Deno.readTextFile(map));
const packed = await promisify(gzip)(text, { level: 9 });
const path = join(repositoryRoot, "shared", "catalogue", SNAPSHOT_FILE);
await Deno.writeFile(path, packed);
console.log(`Wrote ${path}: ${text.length} characters, ${packed.length} bytes`);

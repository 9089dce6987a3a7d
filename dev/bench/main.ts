import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { type Figure, isMet } from "./figure.ts";
import { groups } from "./groups.ts";
import { describePlans } from "./plans.ts";
import { lineOf, tableOf, withPart } from "./report.ts";
import { sizes } from "./sizes.ts";

// npm run bench                                  everything; closing months takes most of the time
// npm run bench -- big_log                       100 million logs: an hour and 60 GB of disk
// npm run bench -- --quick                       that it runs; its numbers say little
// npm run bench -- rollup close_month            the groups that hold these keys
// npm run bench -- --json FILE                   the figures as JSON too
// npm run bench -- --write docs/performance.md   the figures into the document's table
// npm run bench -- --plans docs/performance.md   only how hot queries are answered, into the document
// npm run bench -- reconcile --invoices 1000     another number of invoices than 10,000
// npm run bench -- close_month --clients 100000  another number of clients than 10,000
// npm run bench -- --size small                  a fifth of the logs

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    quick: { type: "boolean" },
    size: { type: "string", default: "default" },
    invoices: { type: "string" },
    clients: { type: "string" },
    json: { type: "string" },
    write: { type: "string" },
    plans: { type: "string" },
    help: { type: "boolean" },
  },
});
const known = groups.flatMap(({ keys }) => keys);
const size = values.quick ? "quick" : values.size;
if (
  values.help || !(Number(values.invoices ?? 1) > 0) || !(Number(values.clients ?? 4) >= 4) ||
  (size !== "default" && size !== "quick" && size !== "small") ||
  positionals.some((key) => !known.includes(key))
) {
  console.error(
    "usage: npm run bench -- [keys] [--quick | --size default|small] [--invoices N] [--clients N] " +
      `[--json FILE] [--write DOCUMENT] [--plans DOCUMENT]\nkeys: ${known.join(", ")}`,
  );
  Deno.exit(values.help ? 0 : 2);
}
if (values.plans !== undefined) {
  const document = await Deno.readTextFile(values.plans);
  await Deno.writeTextFile(values.plans, withPart(document, "plans", await describePlans()));
  Deno.exit(0);
}
const chosen = groups.filter(({ keys, onlyNamed }) =>
  positionals.length === 0 ? !onlyNamed : keys.some((key) => positionals.includes(key))
);

const own = {
  ...sizes[size],
  ...(values.invoices === undefined ? {} : { reconciledInvoices: Number(values.invoices) }),
  ...(values.clients === undefined ? {} : { closeClients: Number(values.clients) }),
};
const started = performance.now();
const processor = cpus();
const machine = `${processor.length} cores (${processor[0]?.model ?? "unknown"})`;
const figures: Figure[] = [];
console.log(`Sizes: ${JSON.stringify(own)}`);
for (const group of chosen) {
  await group.measure(own, (found) => {
    figures.push(...found);
    for (const figure of found) console.log(lineOf(figure));
  });
}
const seconds = Math.round((performance.now() - started) / 1000);
console.log(`Took ${seconds} s on ${machine}.`);
if (values.json !== undefined) {
  const report = {
    size: sizes[size],
    machine,
    seconds,
    figures: figures.map((figure) => ({ ...figure, met: isMet(figure) })),
  };
  await Deno.writeTextFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
if (values.write !== undefined) {
  const heading = `Measured by \`npm run bench\`, size ${size}, on ${machine}, ${seconds} s.`;
  const document = await Deno.readTextFile(values.write);
  await Deno.writeTextFile(
    values.write,
    withPart(document, "bench", tableOf(figures, heading)),
  );
}
Deno.exit(0);

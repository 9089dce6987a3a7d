import type { Command } from "commander";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { exportAudit, verifyAudit } from "../shared/api/audit.ts";
import { auditCsv, type AuditEntry } from "../shared/audit-csv.ts";
import { erasePersonalData, exportPersonalData } from "../shared/api/personal-data.ts";
import type { BillingPorts } from "./billing-ports.ts";
import { clientId } from "./client-id.ts";
import { CommandFailed } from "./command-line.ts";
import { dataOf } from "./connection.ts";
import { show } from "./show.ts";

/** The audit log at a shell. */
export function auditCommands(program: Command, { connect, terminal }: BillingPorts): void {
  program.command("audit-export")
    .description("The audit log as NDJSON, verified on the way; exit 1 where the chain breaks")
    .option("--csv", "print CSV")
    .action(async ({ csv }) => {
      const billing = connect();
      const verify = chainVerifier();
      let cursor: string | undefined;
      do {
        const page = await dataOf(billing(exportAudit, { query: { cursor, limit: 200 } }));
        if (csv && cursor === undefined) terminal.out(auditCsv([], { head: true }).trimEnd());
        for (const entry of page.data) {
          const line = csv
            ? auditCsv([entry], { head: false }).slice(0, -2)
            : JSON.stringify(entry);
          terminal.out(line);
          const finding = verify(entry);
          if (finding !== null) {
            terminal.error(finding);
            throw new CommandFailed();
          }
        }
        cursor = page.next_cursor ?? undefined;
      } while (cursor !== undefined);
    });
  program.command("audit-verify")
    .description("Whether the audit log agrees with its seals; exit 1 where it differs")
    .argument("[position]", "of a head that was kept").argument("[hash]", "of that head")
    .option("--json", "print JSON")
    .action(async (position, hash, { json }) => {
      const known = position === undefined ? {} : { position: Number(position), hash };
      const found = await dataOf(connect()(verifyAudit, { query: known }));
      show(terminal, json, found, ["sealed", "unsealed", "head_hash", "broken_at", "finding"]);
      if (found.finding !== null) throw new CommandFailed();
    });
}

/** A client's people at a shell. */
export function personalDataCommands(program: Command, { connect, terminal }: BillingPorts): void {
  program.command("personal-data").description("All personal data of a client's people, as JSON")
    .argument("<client>", "id or external id")
    .action(async (name) => {
      const billing = connect();
      const client_id = await clientId(billing, name);
      const data = await dataOf(billing(exportPersonalData, { params: { client_id } }));
      show(terminal, true, data, []);
    });
  program.command("erase-personal-data")
    .description("Erase a client's people for good; the books stay")
    .argument("<client>", "id or external id").argument("<reason>", "why, for the audit log")
    .action(async (name, reason) => {
      const billing = connect();
      const client_id = await clientId(billing, name);
      const done = await dataOf(
        billing(erasePersonalData, { params: { client_id }, body: { reason } }),
      );
      show(terminal, true, done, []);
    });
}

/** Computes the chain again, entry by entry: null, or where it breaks. Trusts no database. */
export function chainVerifier(): (entry: AuditEntry) => string | null {
  let previous: Uint8Array = new Uint8Array();
  let last = 0;
  return ({ position, content, content_hash, hash, erased }) => {
    last += 1;
    if (position !== String(last)) return `position ${last} is missing`;
    if (content === null) return `the entry of position ${position} was removed`;
    if (!erased && sha256(Buffer.from(content)).toString("hex") !== content_hash) {
      return `the entry of position ${position} was changed`;
    }
    const expected = sha256(Buffer.concat([previous, Buffer.from(content_hash, "hex")]));
    if (expected.toString("hex") !== hash) {
      return `the hash of position ${position} does not follow from the one before`;
    }
    previous = expected;
    return null;
  };
}

function sha256(bytes: Uint8Array) {
  return createHash("sha256").update(bytes).digest();
}

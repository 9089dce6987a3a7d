import assert from "node:assert/strict";
import { ALL_LANGUAGES } from "../../../../shared/document/language-samples.ts";
import { wordsOf } from "../../../../shared/words/words.ts";
import type { Invitation } from "../outbound/mail/invitation-mail.ts";
import type { MailMessage } from "../outbound/mail/message.ts";
import { deliverEmail } from "./email.ts";

const ID = "0b8e6c1a-4d8f-4e61-9a53-1b7c52b3f1aa";
const INVITATION: Invitation = {
  email: "ann@example.test",
  role: "billing",
  client: "Acme",
  locale: "en-US",
  seller: "LeverEdge",
};

/** Delivers an invitation to a mail server that takes everything. */
async function invite(invitation: Invitation | null) {
  const sent: MailMessage[] = [];
  const outcome = await deliverEmail({
    id: "1",
    kind: "email",
    event: "invitation",
    dedupe_key: `invitation:${ID}:${ID}:2026-06-01`,
    client_id: ID,
    invoice_id: null,
    credit_note_id: null,
    payload: { member_id: ID },
    lease: ID,
    attempts: 1,
  }, {
    from: "LeverEdge <billing@leveredge.test>",
    loadInvitation: () => Promise.resolve(invitation),
    loadDocument: () => Promise.resolve(null),
    claimMail: () => Promise.resolve(false),
    freshPayLink: () => Promise.resolve(null),
    renderer: { render: () => Promise.resolve(new Uint8Array()), spent: () => 0 },
    send: (message) => {
      sent.push(message);
      return Promise.resolve({ kind: "sent" });
    },
  });
  return { outcome, mail: sent[0] };
}

Deno.test("the mail of an invitation names client, role, what it may, and the address", async () => {
  const { outcome, mail } = await invite(INVITATION);
  assert.equal(outcome.kind, "done");
  assert.deepEqual(mail?.to, ["ann@example.test"]);
  assert.equal(mail?.subject, "Your access to Acme");
  for (const text of [mail?.text ?? "", mail?.html ?? ""]) {
    assert.match(text, /with the role Billing: sees figures and invoices, buys credit/);
    assert.match(text, /ann@example\.test/);
  }
});

for (const language of ALL_LANGUAGES) {
  Deno.test(`${language}: each role is named and explained in the client's language`, async () => {
    const { texts } = wordsOf(language);
    const roles = [["viewer", "Viewer"], ["billing", "Billing"], ["admin", "Admin"]] as const;
    for (const [role, key] of roles) {
      const { mail } = await invite({ ...INVITATION, role, locale: language });
      assert(mail?.text.includes(texts[`role${key}`]), role);
      assert(mail?.text.includes(texts[`may${key}`]), role);
    }
  });
}

Deno.test("former members are not mailed, nor what is not one address", async () => {
  assert.equal((await invite(null)).outcome.kind, "skipped");
  const two = await invite({ ...INVITATION, email: "a@example.test,b@example.test" });
  assert.deepEqual([two.outcome.kind, two.mail], ["dead", undefined]);
});

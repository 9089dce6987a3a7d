import { useState } from "preact/hooks";
import { createPortalSession } from "../../../shared/api/payments.ts";
import type { Problem } from "../../../shared/errors.ts";
import { useConsole } from "../api/context.ts";
import { useWords } from "../words/words.ts";
import { Card } from "./card.tsx";
import { ProblemNote } from "../acts/problem-note.tsx";
import { useRole } from "./use-role.ts";

/** The way to Stripe's page, where payers keep cards, bank details and addresses. */
export function PortalCard({ clientId }: { readonly clientId: string }) {
  const { api } = useConsole();
  const { say } = useWords();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const mayPay = useRole(clientId, "billing") === true;
  if (!mayPay) return null;
  const open = async () => {
    setBusy(true);
    const { origin, pathname, search, hash } = globalThis.location;
    const { data, error } = await api.billing(createPortalSession, {
      params: { client_id: clientId },
      body: { return_url: `${origin}${pathname}${search}${hash}` },
    });
    setBusy(false);
    setProblem(error);
    if (data !== null) globalThis.location.assign(data.url);
  };
  return (
    <Card title={say("paymentMethods")} wide>
      <p class="muted">{say("portalText")}</p>
      {problem === null ? null : <ProblemNote problem={problem} />}
      <div class="acts">
        <button class="button" type="button" disabled={isBusy} onClick={open}>
          {say(isBusy ? "moment" : "openPortal")}
        </button>
      </div>
    </Card>
  );
}

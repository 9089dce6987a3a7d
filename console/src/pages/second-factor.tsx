import { useState } from "preact/hooks";
import { SecondFactorForm } from "../acts/second-factor-form.tsx";
import { useConsole } from "../api/context.ts";
import { Card } from "../parts/card.tsx";
import { hasSecondFactor } from "../session/session.ts";
import { useWords } from "../words/words.ts";

/** The user's second factor: set up, or verified for this session. */
export default function SecondFactorPage() {
  const { session } = useConsole();
  const { say } = useWords();
  const [isDone, setDone] = useState(hasSecondFactor(session));
  return (
    <>
      <h1>{say("secondFactor")}</h1>
      <div class="cards">
        <Card title={say("secondFactor")}>
          {isDone
            ? <p class="note note-good" role="status">{say("factorVerified")}</p>
            : <SecondFactorForm onVerified={() => setDone(true)} />}
        </Card>
      </div>
    </>
  );
}

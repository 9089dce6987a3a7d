import { useRef, useState } from "preact/hooks";
import type { Auth } from "../session/auth.ts";
import { LanguageChoice } from "../words/language-choice.tsx";
import type { Key } from "../words/english.ts";
import { useWords } from "../words/words.ts";

/** Email and password. An error does not say which of the two was wrong. */
export function SignIn({ auth }: { readonly auth: Auth }) {
  const { say } = useWords();
  const [problem, setProblem] = useState<Key | null>(null);
  const [isBusy, setBusy] = useState(false);
  const email = useRef<HTMLInputElement>(null);
  const password = useRef<HTMLInputElement>(null);
  const [sentTo, setSentTo] = useState<string | null>(null);
  const sendLink = async () => {
    if (email.current?.reportValidity() !== true) return;
    setBusy(true);
    const said = await auth.sendLink(email.current.value, false);
    setBusy(false);
    setProblem(said);
    if (said === null) setSentTo(email.current.value);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const said = await auth.signIn(email.current?.value ?? "", password.current?.value ?? "");
    setBusy(false);
    setProblem(said);
    if (said !== null) password.current?.select();
  };
  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit}>
        <h1>LeverEdge Billing</h1>
        <p class="muted">{say("signInText")}</p>
        <label class="field">
          <span>{say("email")}</span>
          <input ref={email} type="email" name="email" autocomplete="username" required />
        </label>
        <label class="field">
          <span>{say("password")}</span>
          <input
            ref={password}
            type="password"
            name="password"
            autocomplete="current-password"
            required
          />
        </label>
        {problem === null ? null : <p class="note note-bad" role="alert">{say(problem)}</p>}
        <button class="button button-main" type="submit" disabled={isBusy}>
          {say(isBusy ? "moment" : "signIn")}
        </button>
        {sentTo === null
          ? (
            <button class="button" type="button" disabled={isBusy} onClick={sendLink}>
              {say("mailLink")}
            </button>
          )
          : (
            <p class="note note-good" role="status">
              {say("linkSent", { email: sentTo })}
            </p>
          )}
        <LanguageChoice />
      </form>
    </main>
  );
}

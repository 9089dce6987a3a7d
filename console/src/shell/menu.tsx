import { hrefOf } from "../routing/location.ts";
import type { Auth } from "../session/auth.ts";
import { useIsAdmin } from "../parts/use-role.ts";
import type { Session } from "../session/session.ts";
import { PAGES } from "./pages.ts";
import { ThemeButton } from "./theme.tsx";
import { LanguageChoice } from "../words/language-choice.tsx";
import { useWords } from "../words/words.ts";

/** The pages of a user's role, the user's email, and the button to sign out. */
export function Menu({ session, auth, path }: {
  readonly session: Session;
  readonly auth: Auth;
  readonly path: readonly string[];
}) {
  const { say } = useWords();
  const isAdmin = useIsAdmin();
  const pages = PAGES.filter(({ inMenu, roles, forAdmins = false }) =>
    inMenu && roles.includes(session.role) && (isAdmin || !forAdmins)
  );
  return (
    <header class="menu">
      <a class="brand" href={hrefOf([])}>
        <svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M4 19h16M6 19V9M11 19V5M16 19v-7" />
        </svg>
        LeverEdge
      </a>
      <nav aria-label={say("mainMenu")}>
        {pages.map(({ title, name, path: target }) => (
          <a
            key={title}
            href={hrefOf(target)}
            aria-current={target[0] === path[0] ? "page" : undefined}
          >
            {name === undefined ? title : say(name)}
          </a>
        ))}
      </nav>
      <div class="menu-end">
        <span class="menu-user" title={session.email}>{session.email}</span>
        {session.role === "member" ? <LanguageChoice /> : null}
        <ThemeButton />
        <button class="button" type="button" onClick={() => void auth.signOut()}>
          {say("signOut")}
        </button>
      </div>
    </header>
  );
}

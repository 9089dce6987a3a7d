import type { ComponentType } from "preact";
import { useEffect, useErrorBoundary, useMemo, useRef, useState } from "preact/hooks";
import { apiOn, billingOfEverybody } from "../api/api.ts";
import type { Connection } from "../session/connection.ts";
import { ConsoleContext } from "../api/context.ts";
import { hrefOf, type Location } from "../routing/location.ts";
import { useLocation } from "../routing/use-location.ts";
import type { Auth } from "../session/auth.ts";
import { secondFactorOn } from "../session/second-factor.ts";
import type { Session } from "../session/session.ts";
import { Menu } from "./menu.tsx";
import type LinkPage from "../pages/link.tsx";
import type { PageProps } from "../pages/page-props.ts";
import { type Page, pageAt } from "./pages.ts";
import { SignIn } from "./sign-in.tsx";
import { InLanguage } from "../words/in-language.tsx";
import { useWords } from "../words/words.ts";

/** The console: the form to sign in without a session, the menu and a page with one. */
export function App({ connection, auth }: {
  readonly connection: Connection;
  readonly auth: Auth;
}) {
  const [session, setSession] = useState(auth.current());
  useEffect(() => auth.onChange(() => setSession(auth.current())), [auth]);
  const api = useMemo(() => apiOn(connection, auth), [connection, auth]);
  const secondFactor = useMemo(() => secondFactorOn(connection, auth), [connection, auth]);
  const { path: [first, token] } = useLocation();
  if (first === "open" && token !== undefined) {
    return (
      <InLanguage>
        <OpenInvoice connection={connection} token={token} />
      </InLanguage>
    );
  }
  if (session === null) {
    return (
      <InLanguage>
        <SignIn auth={auth} />
      </InLanguage>
    );
  }
  const frame = <Frame session={session} auth={auth} />;
  return (
    <ConsoleContext.Provider value={{ api, session, secondFactor }}>
      {session.role === "member" ? <InLanguage>{frame}</InLanguage> : frame}
    </ConsoleContext.Provider>
  );
}

/** The invoice of a link, which needs no session and uses none. */
function OpenInvoice({ connection, token }: {
  readonly connection: Connection;
  readonly token: string;
}) {
  const { say } = useWords();
  const billing = useMemo(() => billingOfEverybody(connection), [connection]);
  const [Page, setPage] = useState<{ readonly View: typeof LinkPage } | null>(null);
  useEffect(() => {
    document.title = `${say("invoice")} · LeverEdge Billing`;
    void import("../pages/link.tsx").then(({ default: View }) => setPage({ View }));
  }, []);
  return Page === null
    ? <div class="bars" role="status" aria-label={say("loading")} />
    : <Page.View billing={billing} token={token} />;
}

function Frame({ session, auth }: { readonly session: Session; readonly auth: Auth }) {
  const { say, language } = useWords();
  const location = useLocation();
  const main = useRef<HTMLElement>(null);
  const page = pageAt(location.path, session.role);
  const title = page === undefined
    ? say("nothingHere")
    : page.name === undefined
    ? page.title
    : say(page.name);
  const path = location.path.join("/");
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title} · LeverEdge Billing`;
    // A screen reader hears of another page when the focus goes there.
    if (!isFirst.current) main.current?.focus();
    isFirst.current = false;
    scrollTo(0, 0);
  }, [path, language]);
  return (
    <div class="frame">
      <button class="skip" type="button" onClick={() => main.current?.focus()}>
        {say("skip")}
      </button>
      <Menu session={session} auth={auth} path={location.path} />
      <main ref={main} tabIndex={-1}>
        {page === undefined ? <NotFound /> : <Loading key={path} page={page} location={location} />}
      </main>
    </div>
  );
}

function NotFound() {
  const { say } = useWords();
  return (
    <>
      <h1>{say("nothingHere")}</h1>
      <p>
        {say("noSuchPage")} <a href={hrefOf([])}>{say("toStart")}</a>
      </p>
    </>
  );
}

/** A page whose code is loaded when it is first opened. */
function Loading({ page, location }: { readonly page: Page; readonly location: Location }) {
  const { say } = useWords();
  const [state, setState] = useState<
    { readonly View: ComponentType<PageProps> } | "loading" | "failed"
  >("loading");
  useEffect(() => {
    let isOver = false;
    page.load().then(
      ({ default: View }) => isOver || setState({ View }),
      () => isOver || setState("failed"),
    );
    return () => {
      isOver = true;
    };
  }, [page]);
  const [broken] = useErrorBoundary();
  if (broken !== undefined) {
    return (
      <div class="note note-bad" role="alert">
        {say("brokenPage")}
      </div>
    );
  }
  if (state === "loading") {
    return <div class="bars" role="status" aria-label={say("loading")} />;
  }
  if (state === "failed") {
    return (
      <div class="note note-bad" role="alert">
        {say("oldPage")}
      </div>
    );
  }
  return <state.View location={location} />;
}

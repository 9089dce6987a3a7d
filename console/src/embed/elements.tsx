import { FunctionsClient } from "@supabase/functions-js";
import { type ComponentType, render } from "preact";
import { useMemo } from "preact/hooks";
import { z } from "zod";
import { listClients } from "../../../shared/api/clients.ts";
import { type BillingClient, billingClient } from "../../../shared/client/billing-client.ts";
import { useAnswer } from "../api/use-answer.ts";
import { InLanguage } from "../words/in-language.tsx";
import { STYLE } from "./style.ts";
import { InvoicesView, SpendView, type ViewProps } from "./views.tsx";

z.config({ jitless: true });

/** Gives the access token of the user who is signed in; null where nobody is. */
export type Token = () => Promise<string | null> | string | null;

/**
 * An element that shows what a signed-in user may see of a client. Attributes: `url` and
 * `publishable-key` of the project, `client-id` where the user has several clients, `lang`. The
 * property `token` is a function that gives the user's access token.
 */
abstract class LeverEdgeElement extends HTMLElement {
  static readonly observedAttributes = ["url", "publishable-key", "client-id", "lang"];
  protected abstract readonly View: ComponentType<ViewProps>;
  readonly #root = this.attachShadow({ mode: "open" });
  #token: Token | null = null;

  get token(): Token | null {
    return this.#token;
  }

  set token(token: Token | null) {
    this.#token = token;
    this.#draw();
  }

  connectedCallback(): void {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    this.#root.adoptedStyleSheets = [sheet];
    this.#draw();
  }

  disconnectedCallback(): void {
    render(null, this.#root);
  }

  attributeChangedCallback(): void {
    this.#draw();
  }

  #draw(): void {
    const url = this.getAttribute("url");
    const key = this.getAttribute("publishable-key");
    const token = this.#token;
    if (!this.isConnected || url === null || key === null || token === null) return;
    render(
      <InLanguage lang={this.getAttribute("lang")} ofPage={false}>
        <OfClient
          key={`${url} ${key}`}
          url={url}
          publishableKey={key}
          token={token}
          clientId={this.getAttribute("client-id")}
          View={this.View}
        />
      </InLanguage>,
      this.#root,
    );
  }
}

/** The view of the client that is named, or of the first that the user sees. */
function OfClient({ url, publishableKey, token, clientId, View }: {
  readonly url: string;
  readonly publishableKey: string;
  readonly token: Token;
  readonly clientId: string | null;
  readonly View: ComponentType<ViewProps>;
}) {
  const billing = useMemo(() => billingOf(url, publishableKey, token), [
    url,
    publishableKey,
    token,
  ]);
  const clients = useAnswer(`client ${clientId}`, async () => {
    if (clientId !== null) return { data: clientId, error: null };
    const { data, error } = await billing(listClients, { query: { limit: 1 } });
    return error === null ? { data: data.data[0]?.id ?? "", error } : { data, error };
  });
  if (clients.error !== null) return <p class="bad" role="alert">{clients.error.title}</p>;
  if (clients.data === null || clients.data === "") return null;
  return <View key={clients.data} billing={billing} clientId={clients.data} />;
}

function billingOf(url: string, publishableKey: string, token: Token): BillingClient {
  const customFetch: typeof fetch = async (input, init) => {
    const given = await token();
    if (given === null) return new Response(null, { status: 401 });
    const headers = new Headers(init?.headers);
    headers.set("apikey", publishableKey);
    headers.set("authorization", `Bearer ${given}`);
    return await fetch(input, { ...init, headers });
  };
  const address = `${url.replace(/\/+$/, "")}/functions/v1`;
  return billingClient({ functions: new FunctionsClient(address, { customFetch }) });
}

/** `<leveredge-spend>`: the spend so far. */
export class LeverEdgeSpend extends LeverEdgeElement {
  protected override readonly View = SpendView;
}

/** `<leveredge-invoices>`: the newest invoices. */
export class LeverEdgeInvoices extends LeverEdgeElement {
  protected override readonly View = InvoicesView;
}

for (
  const [name, element] of [
    ["leveredge-spend", LeverEdgeSpend],
    ["leveredge-invoices", LeverEdgeInvoices],
  ] as const
) {
  if (customElements.get(name) === undefined) customElements.define(name, element);
}

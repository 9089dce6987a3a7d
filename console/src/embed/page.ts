import { readConnection } from "../session/connection.ts";
import { authOn } from "../session/auth.ts";
import { LeverEdgeInvoices, LeverEdgeSpend } from "./elements.tsx";

// The page that shows both elements, with the session of the console in the same tab.
const connection = await readConnection();
const auth = authOn(connection);
const place = document.getElementById("elements");
if (place === null) throw new Error("the page has no place for the elements");
if (auth.current() === null) {
  const link = document.createElement("a");
  link.href = "./";
  link.textContent = "Sign in to the console first, in this tab.";
  place.replaceChildren(link);
} else {
  const lang = new URLSearchParams(location.search).get("lang");
  for (const element of [new LeverEdgeSpend(), new LeverEdgeInvoices()]) {
    element.setAttribute("url", connection.url);
    element.setAttribute("publishable-key", connection.publishableKey);
    if (lang !== null) element.setAttribute("lang", lang);
    element.token = () => auth.token();
    place.append(element);
  }
}

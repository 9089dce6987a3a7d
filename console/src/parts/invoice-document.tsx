import { useMemo, useState } from "preact/hooks";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { Loaded } from "./loaded.tsx";

/** The invoice as its archive has it. Its page is shown without scripts and without any rights. */
export function InvoiceDocument({ invoiceId, name }: {
  readonly invoiceId: string;
  readonly name: string;
}) {
  const { api } = useConsole();
  const answer = useAnswer(`document ${invoiceId}`, () => api.invoiceHtml(invoiceId));
  return (
    <section class="document" aria-label={`Document ${name}`}>
      <Loaded answer={answer} rows={14}>
        {(html) => <Frame html={html} name={name} />}
      </Loaded>
    </section>
  );
}

/**
 * The console's policy lets no style through that stands in a page. So the style leaves the page,
 * and the frame gets it as a constructed sheet, which is no text of the page.
 */
function Frame({ html, name }: { readonly html: string; readonly name: string }) {
  const [height, setHeight] = useState(900);
  const { page, style } = useMemo(() => withoutStyle(html), [html]);
  const adopt = (frame: HTMLIFrameElement) => {
    const inner = frame.contentDocument;
    const view = inner?.defaultView;
    if (inner === null || view === null || view === undefined) return;
    const sheet = new view.CSSStyleSheet();
    sheet.replaceSync(style);
    inner.adoptedStyleSheets = [sheet];
    setHeight(inner.documentElement.scrollHeight);
  };
  return (
    <iframe
      title={`Invoice ${name}`}
      sandbox="allow-same-origin"
      srcdoc={page}
      height={height}
      onLoad={(event) => adopt(event.currentTarget)}
    />
  );
}

function withoutStyle(html: string): { readonly page: string; readonly style: string } {
  const page = new DOMParser().parseFromString(html, "text/html");
  const styles = [...page.querySelectorAll("style")];
  const style = styles.map(({ textContent }) => textContent).join("\n");
  for (const element of styles) element.remove();
  return { page: `<!doctype html>${page.documentElement.outerHTML}`, style };
}

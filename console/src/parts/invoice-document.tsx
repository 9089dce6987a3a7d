import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useConsole } from "../api/context.ts";
import { useAnswer } from "../api/use-answer.ts";
import { Loaded } from "./loaded.tsx";
import { useWords } from "../words/words.ts";

/** The invoice as its archive has it. Its page is shown without scripts and without any rights. */
export function InvoiceDocument({ invoiceId, name }: {
  readonly invoiceId: string;
  readonly name: string;
}) {
  const { api } = useConsole();
  const { say } = useWords();
  const answer = useAnswer(`document ${invoiceId}`, () => api.invoiceHtml(invoiceId));
  return (
    <section class="document" aria-label={say("document", { name })}>
      <Loaded answer={answer} rows={14}>
        {(html) => <Frame html={html} name={name} />}
      </Loaded>
    </section>
  );
}

/** Pixels that the document needs to look as on paper; where there are fewer it is made smaller. */
const PAPER = 720;

/**
 * The console's policy lets no style through that stands in a page. So the style leaves the page,
 * and the frame gets it as a constructed sheet, which is no text of the page.
 */
function Frame({ html, name }: { readonly html: string; readonly name: string }) {
  const { say } = useWords();
  const [height, setHeight] = useState(900);
  const [scale, setScale] = useState(1);
  const paper = useRef<HTMLDivElement>(null);
  const { page, style } = useMemo(() => withoutStyle(html), [html]);
  useEffect(() => {
    const element = paper.current;
    if (element === null) return;
    const size = new ResizeObserver(() => setScale(Math.min(1, element.clientWidth / PAPER)));
    size.observe(element);
    return () => size.disconnect();
  }, []);
  const adopt = (frame: HTMLIFrameElement) => {
    const inner = frame.contentDocument;
    const view = inner?.defaultView;
    if (inner === null || view === null || view === undefined) return;
    const sheet = new view.CSSStyleSheet();
    sheet.replaceSync(style);
    inner.adoptedStyleSheets = [sheet];
    const root = inner.documentElement;
    new ResizeObserver(() => setHeight(root.offsetHeight)).observe(root);
  };
  return (
    <div class="paper" ref={paper} style={{ height: `${Math.ceil(height * scale)}px` }}>
      <iframe
        title={say("invoiceNamed", { name })}
        sandbox="allow-same-origin"
        srcdoc={page}
        height={height}
        style={{ width: `${100 / scale}%`, transform: `scale(${scale})` }}
        onLoad={(event) => adopt(event.currentTarget)}
      />
    </div>
  );
}

/** By text: a parser would try the style while it reads, and the policy would be seen to refuse. */
function withoutStyle(html: string): { readonly page: string; readonly style: string } {
  const styles: string[] = [];
  const page = html.replaceAll(/<style>(.*?)<\/style>/gs, (_, style: string) => {
    styles.push(style);
    return "";
  });
  return { page, style: styles.join("\n") };
}

import { z } from "zod";
import { Id, InvoiceName } from "../../../shared/api/fields.ts";
import { sha256Of } from "../../../shared/sha256.ts";
import { boundJson } from "../../../shared/document/bounds.ts";
import { renderHtml } from "../../../shared/document/html.ts";
import { InvoiceDocument } from "../../../shared/document/schema.ts";
import { type InvoiceView, invoiceView } from "../../../shared/document/view.ts";
import { errorDetails, type Problem, problem, problemResponse } from "../../../shared/errors.ts";
import { readQuestion } from "../_shared/http/read-body.ts";
import { databaseProblem, internalError } from "../_shared/postgres/problem.ts";
import { noteInvoice } from "../_shared/log/request-context.ts";
import type { InvoiceRow, LoadInvoice } from "./invoice-loader.ts";
import { renderPdf } from "../_shared/pdf/render.ts";

/** What the handler is given from outside. */
export interface RenderPorts {
  readonly loadInvoice: LoadInvoice;
  /** Told of every internalError, which the caller sees as a bare 500. */
  readonly reportError: (error: unknown) => void;
}

/** The question, as JSON of a POST or as the query of a GET. */
export const RenderRequest = z.strictObject({
  invoice_id: InvoiceName,
  format: z.enum(["pdf", "html", "json"]).default("pdf"),
  paper: z.enum(["A4", "Letter"]).optional(),
});

type RenderRequest = z.infer<typeof RenderRequest>;
type Parsed<T> = { readonly value: T } | { readonly problem: Problem };

/**
 * Answers one invoice: `pdf` as a file, `html` as `{number, html}` (hosted functions cannot send
 * pages), `json` as `{id, number, status, document}`. Reads nothing but the invoice's own row.
 */
export async function handleRender(
  request: Request,
  ports: RenderPorts,
): Promise<Response> {
  try {
    const question = await parseQuestion(request);
    if ("problem" in question) return refuse(question.problem);
    noteInvoice(Id.safeParse(question.value.invoice_id).data);
    const row = await ports.loadInvoice(question.value.invoice_id);
    if (row === null) return problemResponse(problem("not_found"));
    noteInvoice(row.id);
    const document = parseDocument(row);
    if ("problem" in document) {
      ports.reportError(document.problem);
      return problemResponse(document.problem);
    }
    return await answer(request, question.value, row, document.value);
  } catch (error) {
    const known = databaseProblem(error);
    if (known !== null) return problemResponse(known);
    ports.reportError(error);
    return problemResponse(internalError(error));
  }
}

async function parseQuestion(request: Request): Promise<Parsed<RenderRequest>> {
  if (request.method !== "GET" && request.method !== "POST") {
    return { problem: problem("method_not_allowed", "use GET or POST") };
  }
  const raw = request.method === "GET"
    ? { value: Object.fromEntries(new URL(request.url).searchParams) }
    : await readQuestion(request);
  if ("problem" in raw) return raw;
  const result = RenderRequest.safeParse(raw.value);
  return result.success ? { value: result.data } : {
    problem: problem(
      "bad_request",
      undefined,
      errorDetails(result.error.issues),
    ),
  };
}

/** The frozen document under the invoice's present status: paying or voiding changes no snapshot. */
function parseDocument(row: InvoiceRow): Parsed<InvoiceDocument> {
  if (row.document === null || row.document === undefined) {
    return { problem: problem("document_missing") };
  }
  const result = InvoiceDocument.safeParse(row.document);
  return result.success ? { value: { ...result.data, status: row.status } } : {
    problem: problem(
      "document_invalid",
      undefined,
      errorDetails(result.error.issues),
    ),
  };
}

async function answer(
  request: Request,
  { format, paper }: RenderRequest,
  row: InvoiceRow,
  document: InvoiceDocument,
): Promise<Response> {
  const { id, number, status } = row;
  if (format === "json") {
    return Response.json({ id, number, status, document: boundJson(document) });
  }
  const view = invoiceView(document, paper);
  if (format === "html") {
    return Response.json({ number, html: renderHtml(view) });
  }
  return await pdfResponse(request, view, fileName(row));
}

async function pdfResponse(
  request: Request,
  view: InvoiceView,
  name: string,
): Promise<Response> {
  const bytes = await renderPdf(view);
  const etag = `"${sha256Of(bytes)}"`;
  // A document is nothing that a shared machine should keep.
  const headers = { etag, "cache-control": "no-store" };
  if (request.headers.get("if-none-match") === etag) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(new Uint8Array(bytes), {
    headers: {
      ...headers,
      "content-type": "application/pdf",
      "content-disposition": `attachment; filename="${name}"`,
    },
  });
}

function fileName({ id, number }: InvoiceRow): string {
  return `invoice-${(number ?? `draft-${id}`).replace(/[^A-Za-z0-9._-]/g, "_")}.pdf`;
}

function refuse(body: Problem): Response {
  return problemResponse(
    body,
    body.code === "method_not_allowed" ? { allow: "GET, POST" } : {},
  );
}

/** Paragraphs with their titles, as an eta template over `it.remarks`. */
export const REMARKS = `<% for (const remark of it.remarks) { %><section class="notes">
  <h2><%= remark.title %></h2>
<% for (const line of remark.lines) { %>  <p><bdi><%= line %></bdi></p>
<% } %></section>
<% } %>`;

/**
 * The page as an eta template over `it.view` (InvoiceView), `it.style`, `it.pageOf` (of CSS), `it.usage`
 * (headings of units) and `it.remarks`, which makes markup of remarks. `<%=` escapes, `<%~` does not.
 */
export const TEMPLATE = `<% const view = it.view; const words = view.words.texts %><!doctype html>
<html lang="<%= view.words.language %>" dir="<%= view.words.direction %>">
<head>
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="LeverEdge Billing">
<meta name="robots" content="noindex">
<title><%= view.title %> <%= view.number %> – <%= view.seller.name %></title>
<style><%~ it.style %>
@page {
  size: <%= view.paper %>; margin: 18mm 17mm 20mm;
  @bottom-left { content: "<%~ view.number.replace(/[^A-Za-z0-9 .-]/g, '') %>"; font: 9px sans-serif; color: #667085; }
  @bottom-right { content: <%~ it.pageOf %>; font: 9px sans-serif; color: #667085; }
}
</style>
</head>
<body>
<main class="sheet">
<header class="top">
  <div>
    <h1><%= view.title %></h1>
<% if (view.ribbon) { %>    <div class="ribbon <%= view.ribbon.tone %>"><%= view.ribbon.text %></div>
<% } %>  </div>
  <div class="brand"><bdi><%= view.seller.name %></bdi></div>
</header>
<dl class="facts">
<% for (const fact of view.facts) { %>  <div><dt class="label"><%= fact.label %></dt><dd><bdi><%= fact.value %></bdi><% if (fact.detail) { %><small><bdi><%= fact.detail %></bdi></small><% } %></dd></div>
<% } %></dl>
<div class="parties">
<% for (const party of [view.seller, view.client]) { %>  <div>
    <h2><%= party.label %></h2>
    <p class="name"><bdi><%= party.name %></bdi></p>
<% for (const line of party.lines) { %>    <p class="small"><bdi><%= line %></bdi></p>
<% } %>  </div>
<% } %></div>
<p class="headline"><strong dir="ltr"><%= view.headline.amount %></strong> <span><%= view.headline.text %></span><% if (view.paymentUrl) { %> <a href="<%= view.paymentUrl %>" rel="noreferrer"><%= words.payOnline %></a><% } %></p>
<table class="lines">
<thead><tr><th scope="col"><%= words.description %></th><th scope="col" class="number"><%= words.quantity %></th><th scope="col" class="number price"><%= words.unitPrice %></th><th scope="col" class="number"><%= words.amount %></th></tr></thead>
<tbody>
<% for (const line of view.lines) { %><tr>
  <td><span class="main"><bdi><%= line.description %></bdi></span><% if (line.details.length > 0) { %><small><% line.details.forEach((detail, index) => { %><% if (index > 0) { %> · <% } %><bdi><%= detail %></bdi><% }) %></small><% } %><% for (const tier of line.tiers) { %><small><%= tier %></small><% } %></td>
  <td class="number"><%= line.quantity %><% if (line.unit) { %><small><bdi><%= line.unit %></bdi></small><% } %></td>
  <td class="number price"><%= line.unitPrice %><% if (line.per) { %><small><%= line.per %></small><% } %></td>
  <td class="number main"><%= line.amount %></td>
</tr>
<% } %></tbody>
</table>
<div class="sums">
<div class="aside"><% if (view.remarksBeside) { %><%~ it.remarks(view.remarks) %><% } %></div>
<table class="totals">
<tbody>
<% for (const row of view.totals) { %><tr<% if (row.strong) { %> class="strong"<% } %>><td><bdi><%= row.label %></bdi></td><td class="number"><%= row.value %></td></tr>
<% } %></tbody>
</table>
</div>
<% if (view.chart) { const chart = view.chart %><section>
  <h2><%= chart.title %></h2>
  <svg viewBox="0 -5 <%= chart.width %> <%= chart.height + 18 %>" role="img" aria-labelledby="chart-title">
    <title id="chart-title"><%= chart.title %></title>
<% for (const line of chart.gridLines) { %>    <line x1="<%= chart.left %>" x2="<%= chart.width %>" y1="<%= line.y %>" y2="<%= line.y %>" stroke="#e3e7ed" stroke-width="0.6"/>
    <text x="0" y="<%= line.y + 2.5 %>"><%= line.label %></text>
<% } %><% for (const bar of chart.bars) { %>    <rect x="<%= bar.x %>" y="<%= bar.y %>" width="<%= bar.width %>" height="<%= bar.height %>" fill="#4f67d8"><title><%= bar.label %></title></rect>
<% } %>    <line x1="<%= chart.left %>" x2="<%= chart.width %>" y1="<%= chart.height %>" y2="<%= chart.height %>" stroke="#98a2b3" stroke-width="0.8"/>
<% for (const day of chart.dayLabels) { %>    <text x="<%= day.x %>" y="<%= chart.height + 11 %>"><%= day.label %></text>
<% } %>  </svg>
</section>
<% } %><% if (view.agents.length > 0) { %><section class="long">
  <h2><%= words.usageByAgent %></h2>
  <table>
  <thead><tr><th scope="col"><%= words.agent %></th><% for (const name of it.usage) { %><th scope="col" class="number"><%= name %></th><% } %><th scope="col" class="number"><%= words.amount %></th></tr></thead>
  <tbody>
<% for (const row of view.agents) { %>  <tr><td><bdi><%= row.agent %></bdi></td><td class="number"><%= row.requests %></td><td class="number"><%= row.inputTokens %></td><td class="number"><%= row.outputTokens %></td><td class="number"><%= row.otherUnits %></td><td class="number"><%= row.amount %></td></tr>
<% } %>  </tbody>
  </table>
</section>
<% } %><% if (!view.remarksBeside) { %><%~ it.remarks(view.remarks) %><% } %><% if (view.footer) { %><footer><bdi><%= view.footer %></bdi></footer>
<% } %></main>
</body>
</html>
`;

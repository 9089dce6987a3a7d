-- What bookkeeping programs call the accounts of the ledger, for the journal that they import.

create table public.chart_of_accounts (
  layout text not null,
  account text not null,
  processor text not null default '',
  code text not null,
  tax_code text,
  primary key (layout, account, processor),
  constraint chart_of_accounts_layout_known check (layout in ('datev', 'quickbooks', 'xero')),
  constraint chart_of_accounts_code_said check (code ~ '[^[:space:]]'),
  constraint chart_of_accounts_processor_of_cash check (account = 'cash' or processor = '')
);
comment on table public.chart_of_accounts is
  'The number or name of each account of the ledger in a program of bookkeeping.';
comment on column public.chart_of_accounts.account is 'A kind of billing.ledger_accounts.';
comment on column public.chart_of_accounts.processor is
  'The way to pay, of cash alone; empty: of every one that has no row of its own.';
comment on column public.chart_of_accounts.code is
  'DATEV: the account''s number; Xero: its code; QuickBooks Online: its name.';
comment on column public.chart_of_accounts.tax_code is
  'DATEV: the BU-Schlüssel; Xero: the name of the tax rate, which each line needs.';
alter table public.chart_of_accounts enable row level security;
revoke all on public.chart_of_accounts from anon, authenticated, service_role;
grant select on public.chart_of_accounts to authenticated;
grant select, insert, update, delete on public.chart_of_accounts to service_role;

create policy "operators read the chart of accounts" on public.chart_of_accounts
  for select to authenticated using ((select billing.is_operator()));

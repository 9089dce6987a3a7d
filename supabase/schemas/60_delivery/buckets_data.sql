-- The private bucket that issued invoices are filed in. Only the secret key reads and writes it;
-- clients get their documents from the functions, under row level security.
do $$
begin
  if to_regclass('storage.buckets') is not null then
    insert into storage.buckets (id, name, public) values ('invoices', 'invoices', false)
    on conflict (id) do nothing;
  end if;
end $$;

do $$
begin
  if to_regclass('storage.buckets') is not null then
    insert into storage.buckets (id, name, public) values ('usage-logs', 'usage-logs', false)
    on conflict (id) do nothing;
  end if;
end $$;

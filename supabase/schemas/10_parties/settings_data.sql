-- The one row of settings, with the defaults of its columns.

insert into public.billing_settings default values
on conflict do nothing;

-- The one row of the version.

insert into _billing.terms_version default values
on conflict do nothing;

-- The version of what holds for all clients.

insert into _billing.terms_versions (client_id) values (null)
on conflict do nothing;

-- Brings the dashboards up to date. Its cost grows with what has changed, not with all data.
-- `everything` computes all anew, after usage_records was written by hand.
create function billing.refresh_dashboards(everything boolean default false) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
-- Definer: the tables are written by nobody but this function.
begin
  -- One at a time; neither readers nor writers wait.
  perform pg_advisory_xact_lock(hashtext('billing.refresh_dashboards'));
  perform _billing.refresh_monthly_usage(everything);
  perform _billing.refresh_monthly_revenue(everything);
end $$;
comment on function billing.refresh_dashboards is
  'Brings the dashboard views up to date by what has changed, or everything anew.';
grant execute on function billing.refresh_dashboards(boolean) to service_role;

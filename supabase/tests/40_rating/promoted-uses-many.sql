-- Many promotional grants of one client are used as they would be one after the other, and the cost
-- grows with them.
begin;
select plan(8);

-- Uses told the plain way: each want, in its order, looks at each charge of its section.
create function pg_temp.one_by_one(parts _billing.promoted_part[], wants _billing.promoted_want[])
returns setof _billing.promoted_use language plpgsql as $$
declare
  want _billing.promoted_want;
  part _billing.promoted_part;
  section numeric;
  own numeric;
  of_part numeric;
  fresh_of_part numeric;
  elsewhere numeric;
  taken numeric;
begin
  create temporary table used (section_start date, place bigint, grant_id uuid, is_new boolean,
    minor numeric) on commit drop;
  for want in select * from unnest(wants) w order by w.place loop
    for part in select * from unnest(parts) p where p.section_start = want.section_start
        order by p.place loop
      continue when ((want.metrics is null or part.metric = any (want.metrics))
        and (want.models is null or part.model = any (want.models))
        and (want.agents is null or part.agent = any (want.agents))) is not true;
      select coalesce(sum(u.minor), 0),
        coalesce(sum(u.minor) filter (where u.grant_id = want.grant_id), 0),
        coalesce(sum(u.minor) filter (where u.place = part.place), 0),
        coalesce(sum(u.minor) filter (where u.place = part.place and u.is_new), 0)
      into section, own, of_part, fresh_of_part
      from used u where u.section_start = want.section_start;
      -- What other sections have taken of the rest of the grant.
      select coalesce(sum(greatest(0, x.minor - w.recorded_minor)), 0) into elsewhere
      from (
        select u.section_start, sum(u.minor) as minor from used u
        where u.grant_id = want.grant_id and u.section_start <> want.section_start group by 1
      ) x
      join unnest(wants) w on w.section_start = x.section_start and w.grant_id = want.grant_id
        and w.is_new;
      taken := least(want.cap_minor - section,
        part.amount_minor - part.discount_minor - of_part,
        case when want.is_new then part.growth_minor - fresh_of_part else 'infinity' end,
        case when want.is_new then want.left_minor - elsewhere else 0 end
          + want.recorded_minor - own);
      if taken > 0 then
        insert into used values (want.section_start, part.place, want.grant_id, want.is_new, taken);
        return next (want.client_id, want.section_start, part.place, want.grant_id, want.is_new,
          taken)::_billing.promoted_use;
      end if;
    end loop;
  end loop;
  drop table used;
end $$;
create function pg_temp.turn_by_turn(parts _billing.promoted_part[],
  wants _billing.promoted_want[]) returns setof _billing.promoted_use language plpgsql as $$
declare
  uses _billing.promoted_use[] := '{}';
begin
  for n in 1..(select coalesce(max(w.turn), 0) from unnest(wants) w) loop
    uses := uses || array(select u from _billing.promoted_turn(parts, uses, wants, n) u);
  end loop;
  return query select * from unnest(uses);
end $$;

-- Worlds of 1 to 3 months, each of 1 to 8 charges, some booked, and 1 to 12 grants of any scope,
-- some of which have a use recorded.
select setseed(0.39);
create temporary table worlds as
select w, (
    select array_agg((md5('client')::uuid, '2026-01-01'::date + s, n, null,
      (array['in', 'out', null])[1 + floor(random() * 3)::integer],
      (array['m', 'n'])[1 + floor(random() * 2)::integer],
      (array['A', null])[1 + floor(random() * 2)::integer], x.amount,
      floor(x.amount * random() * 0.2), floor(x.amount * random()))::_billing.promoted_part)
    from generate_series(0, w % 3) s, generate_series(1, 1 + w % 8) n
    cross join lateral (select floor(random() * 50)::numeric as amount where n > 0) x) as parts, (
    select array_agg((md5('client')::uuid, 0, 0, '2026-01-01'::date + s, md5('grant' || n)::uuid,
      is_new, x.metrics, x.models, x.agents, case when is_new then x.has else 0 end, x.recorded,
      x.cap)::_billing.promoted_want)
    from generate_series(0, w % 3) s, generate_series(1, 1 + w * 7 % 12) n
    cross join lateral (
      select (array['{in}', '{in,out}', null, null])[1 + n / 3 % 4]::text[] as metrics,
        (array['{n}', null, null])[1 + n / 2 % 3]::text[] as models,
        (array['{A}', null])[1 + n / 5 % 2]::text[] as agents, (n * w % 25)::numeric as has,
        case floor(random() * 3)::integer when 0 then floor(random() * 20) else 0 end
          ::numeric as recorded, (30 + (w * (s + 1)) % 90)::numeric as cap
    ) x
    cross join (values (false), (true)) y(is_new)
    where is_new or x.recorded > 0) as wants
from generate_series(1, 400) w;
create temporary table turns as
select w.w, w.parts, (
    select array_agg((x.client_id, x.turn, x.place, x.section_start, x.grant_id, x.is_new,
      x.metrics, x.models, x.agents, x.left_minor, x.recorded_minor, x.cap_minor)
      ::_billing.promoted_want)
    from (
      select o.client_id, o.section_start, o.grant_id, o.is_new, o.metrics, o.models, o.agents,
        o.left_minor, o.recorded_minor, o.cap_minor, o.n as place,
        sum(o.turns::integer) over (order by o.n) as turn
      from (
        select x.*, row_number() over ranked as n,
          (x.is_new, x.section_start, x.metrics, x.models, x.agents) is distinct from (
            lag(x.is_new) over ranked, lag(x.section_start) over ranked,
            lag(x.metrics) over ranked, lag(x.models) over ranked, lag(x.agents) over ranked)
            as turns
        from unnest(w.wants) x
        window ranked as (order by x.is_new, x.section_start, x.grant_id)
      ) o
    ) x) as wants
from worlds w;
select cmp_ok((select count(*) from turns t, pg_temp.turn_by_turn(t.parts, t.wants)), '>',
  1000::bigint, 'the worlds have many uses');
select cmp_ok((select count(*) from turns t, unnest(t.wants)) - (
    select sum((select max(x.turn) from unnest(t.wants) x)) from turns t), '>', 100::numeric,
  'and grants that share a turn');
select is_empty($$
  select t.w from turns t
  where array(select u from pg_temp.turn_by_turn(t.parts, t.wants) u order by u)
    is distinct from array(select u from pg_temp.one_by_one(t.parts, t.wants) u order by u)$$,
  'grants that share a turn are used as they are one by one');

-- 150 grants of 1.00, of which each third is for input alone. June: opus, 15.00 in and 75.00 out.
insert into public.clients (id, name, started_on)
values ('00000000-0000-4000-8000-000000003895', 'Many', '2026-06-01');
insert into public.billing_config (client_id, minimum_minor) select id, 0 from public.clients;
insert into public.agent_usage_logs (agent, model, input_tokens, output_tokens, client_id,
  "timestamp")
select 'A', 'claude-opus', 1000000, 1000000, id, '2026-06-10 12:00+00' from public.clients;
select _billing.rollup();
select billing.grant_credit(c.id, 100, 'promotional', as_of => '2026-06-02',
  metrics => case when n % 3 = 0 then '{input_tokens}'::text[] end)
from public.clients c, generate_series(1, 150) n;
select billing.run_monthly('2026-07-01 09:00+00');
select results_eq('select discount_minor, total_minor, status from public.invoices',
  $$values (9000::bigint, 0::bigint, 'paid')$$, 'all of it is taken off by credit');
select results_eq($$select l.metric, -sum(l.amount_minor) from public.invoice_lines l
    where l.kind = 'promotional_credit' group by 1 order by 1$$,
  $$values ('input_tokens', 1500::numeric), ('output_tokens', 7500)$$, 'each charge once');
select is((select sum(l.left_minor) from _billing.promotional_left(array(
    select id from public.credit_grants)) l), 6000::numeric, 'and so much is left');
select is_empty('select * from billing.check_invariants()', 'the books agree');

-- 4,000 grants for one month: each a want of one turn. Where each was a turn of its own that read
-- all uses before it, it took minutes of the processor.
set local statement_timeout = '20s';
select is((
    select sum(u.amount_minor) from pg_temp.turn_by_turn(array(
      select (md5('client')::uuid, '2026-06-01', n, 'in', 'in', 'm' || n, null, 3000, 0,
        3000)::_billing.promoted_part
      from generate_series(1, 100) n), array(
      select (md5('client')::uuid, 1, n, '2026-06-01', md5('grant' || n)::uuid, true, null, null,
        null, 100, 0, 300000)::_billing.promoted_want
      from generate_series(1, 4000) n)) u), 300000::numeric,
  'the cost of many grants is not their square');

select * from finish();
rollback;

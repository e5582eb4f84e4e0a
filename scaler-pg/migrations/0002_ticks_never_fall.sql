-- Ticks run ahead of the database's clock by so much, once it has fallen behind those that were done; see sql/catch_up.sql. It is never
-- lowered: a clock that is set right again leaves ticks ahead of the time, and they are numbers, no more.
alter table {group}.meta add column ahead_ms bigint not null default 0 check (ahead_ms >= 0);

-- As before, and ahead by that much.
create or replace function {group}.clock(out tick bigint, out into_ms integer, out tick_ms integer) language sql stable parallel safe as $$
    select ms / m.tick_ms, (ms % m.tick_ms)::integer, m.tick_ms
    from {group}.meta m, floor(extract(epoch from statement_timestamp()) * 1000) f, cast(f + m.ahead_ms as bigint) ms
$$;

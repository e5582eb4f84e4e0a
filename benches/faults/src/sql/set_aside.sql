-- Sets the record aside, and begins a new one with its last seconds: a pair of increments in one tick must not be parted.
alter table public.audit rename to audit_aside;
alter index public.audit_tick rename to audit_aside_tick;
create table public.audit (like public.audit_aside);
create index audit_tick on public.audit (tick);
update public.audit_totals set folded_to = (select tick from scaler.clock()) - 5;
insert into public.audit select a.* from public.audit_aside a, public.audit_totals t where a.tick > t.folded_to

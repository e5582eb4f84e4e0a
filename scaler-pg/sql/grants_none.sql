-- Statements that take everything from a role that it may have had here, so that what follows is all that it has.
select format(statement, $1::text) from unnest(array[
    'revoke all on schema scaler from %I',
    'revoke all on all tables in schema scaler from %I',
    'revoke all on all functions in schema scaler from %I',
    'revoke all on public.work_items from %I'
]) with ordinality as statements(statement, place) order by place

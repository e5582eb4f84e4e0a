-- What this role, or this user, lacks of what it takes to make wishes.
with me(role) as (
    select coalesce($1::name, current_user)
)
select what from me, lateral (values
    ('select on {group}.wish', has_table_privilege(role, '{group}.wish', 'select')),
    ('insert on {group}.wish', has_table_privilege(role, '{group}.wish', 'insert')),
    ('update on {group}.wish', has_table_privilege(role, '{group}.wish', 'update')),
    ('delete on {group}.wish', has_table_privilege(role, '{group}.wish', 'delete')),
    ('insert on {group}.event', has_table_privilege(role, '{group}.event', 'insert'))
) as needed(what, granted)
where not granted

//! `SECURITY DEFINER` functions: for workers whose role has no privilege on any table, and for members. They run the statements of `sql/` as
//! the owner of the schema.
//!
//! Their search path is fixed, since they run with the owner's privileges. A trigger that a user has put on the table of work runs with those
//! privileges and on that path, too.

use sqlx::PgConnection;

use crate::group::Group;

/// Parameter types: owner, incarnation, first slot, and end of the slots (exclusive).
const SLOTS: &str = "text, uuid, integer, integer";
const REPORT: &str = "tick bigint, into_ms integer, tick_ms integer, slots integer, installation uuid, owned bigint, fence bigint, ticked bigint, \
    left_over bigint, items bigint, digest bigint, present bigint, locked bigint, took_us bigint";
/// Result columns for refused items, in addition to `REPORT`.
const REFUSED: &str = "refused {key_type}[], states text[], said text[]";

/// Creates the functions or updates them. Only the owner may execute most of them until others are granted that.
pub(crate) async fn create(connection: &mut PgConnection, group: &Group) -> Result<(), sqlx::Error> {
    for template in [
        include_str!("../sql/adopt_function.sql").to_owned(),
        include_str!("../sql/installation_function.sql").to_owned(),
        include_str!("../sql/claim_orphans_function.sql").to_owned(),
        include_str!("../sql/hand_over_functions.sql").to_owned(),
        include_str!("../sql/membership_functions.sql").to_owned(),
        include_str!("../sql/work_functions.sql").to_owned(),
        include_str!("../sql/increment_function.sql").to_owned(),
        include_str!("../sql/tick_around_functions.sql").to_owned(),
        include_str!("../sql/try_to_write_function.sql").to_owned(),
        include_str!("../sql/drop_old_functions.sql").to_owned(),
        of_worker("tick", &format!("{SLOTS}, bigint[], {{key_type}}[]"), REPORT, include_str!("../sql/tick.sql")),
        of_worker(
            "tick_around_as_owner",
            &format!("{SLOTS}, {{key_type}}[], {{key_type}}[]"),
            &format!("{REPORT}, {REFUSED}"),
            "select * from {group}.tick_around($1, $2, $3, $4, $5, $6)",
        ),
        of_worker(
            "try_to_write_as_owner",
            "text, uuid",
            "refused {key_type}, state text, said text",
            "select * from {group}.try_to_write($1, $2)",
        ),
        of_worker("items", SLOTS, "id {key_type}", include_str!("../sql/items.sql")),
    ] {
        sqlx::raw_sql(&group.render(&template)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Returns the template that creates a function for a worker's statement. The function is in PL/pgSQL, since that caches the plan.
fn of_worker(name: &str, takes: &str, gives: &str, statement: &str) -> String {
    let signature = format!("{{group}}.{name}({takes})");
    format!(
        "do $drop$ begin
             -- What a function gives cannot be changed; one of an earlier version must be granted anew.
             if pg_get_function_result(to_regprocedure('{signature}')) <> 'TABLE({gives})' then
                 drop function {signature};
             end if;
         end $drop$;
         create or replace function {signature} returns table ({gives})
         language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
         #variable_conflict use_column
         begin return query {statement};
         end $body$;
         revoke all on function {signature} from public"
    )
}

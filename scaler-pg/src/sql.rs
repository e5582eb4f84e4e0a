//! The statements of `sql/`, rendered for one installation.

use crate::group::Group;
use crate::template::Rendered;

macro_rules! sql {
    ($($file:ident,)+) => {
        /// The statements of `sql/`, each in the field that has the name of its file, rendered for one installation.
        #[derive(Debug)]
        pub(crate) struct Sql {
            pub(crate) group: Group,
            $(pub(crate) $file: Rendered,)+
        }

        impl Sql {
            pub(crate) fn new(group: Group) -> Self {
                Self {
                    $($file: group.render(include_str!(concat!("../sql/", stringify!($file), ".sql"))),)+
                    group,
                }
            }

            #[cfg(test)]
            fn each(&self) -> Vec<(&'static str, &Rendered)> {
                vec![$((stringify!($file), &self.$file),)+]
            }
        }
    };
}

sql! {
    access_mode,
    acknowledge,
    add_items,
    adopt,
    append_events,
    assignment,
    audit_items,
    audit_sample,
    audit_slots,
    audit_some_items,
    campaign,
    catch_up,
    census,
    claim_orphans,
    commit,
    create_items,
    earlier_indexes,
    end_stuck,
    events,
    find_id,
    find_item,
    gather,
    health,
    heartbeat,
    hold_slots,
    holdings,
    index_filter,
    installation,
    installed,
    items,
    key,
    lacking_of_control,
    lacking_of_worker,
    lacking_to_look,
    lacking_to_operate,
    leader,
    leave,
    leave_room,
    list_ids,
    list_items,
    list_values,
    lock_table,
    may_install,
    members,
    meta_exists,
    missing,
    not_movable,
    obstacles,
    old_writer,
    publish_view,
    published_view,
    relations,
    remove_any_items,
    remove_items,
    renew,
    resign,
    remember,
    rest_autovacuum,
    retire,
    retired,
    role,
    scattered,
    set_slots,
    shape,
    slot_count,
    sweep,
    table_exists,
    tick,
    unindexed,
    vacuum_slots,
    vacuum_table,
    version,
    wake_up,
    wake_ups,
    wish,
    wishes,
    withdraw,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that are rendered where they are used: for a role, or for a type of key.
    const ELSEWHERE: [&str; 3] = ["grants_", "_function", "drop_old_functions"];

    #[test]
    fn every_template_is_listed_and_every_placeholder_is_known() {
        let sql = Sql::new(Group::default());
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
        for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let template = std::fs::read_to_string(&file).unwrap();
            let is_listed =
                ELSEWHERE.iter().any(|part| name.contains(part)) || sql.each().iter().any(|(listed, _)| *listed == name);
            let rendered = sql.group.render_for("me", &template);
            let is_template = template != rendered.as_str();
            assert!(is_listed || !is_template, "{name}.sql is a template");
            for word in rendered.as_str().split('{').skip(1).filter_map(|rest| rest.split_once('}')) {
                assert!(!word.0.starts_with(|letter: char| letter.is_ascii_lowercase()), "{name}.sql: {{{}}}", word.0);
            }
        }
    }
}

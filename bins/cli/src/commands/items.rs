//! `notifi-scaler items`: adds, removes and lists items.

use clap::Subcommand;
use notifi_scaler_common::Failure;
use notifi_scaler_common::config::{PostgresArgs, WaitArgs};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use scaler_pg::ItemRow;
use serde_json::{Value, json};

use super::open;
use crate::output::OutputArgs;
use crate::removal::{BadRemoval, MOST_ITEMS, Removal};
use crate::table::{Align, Table};

/// Subcommands of `notifi-scaler items`.
#[derive(Clone, Debug, Subcommand)]
pub enum ItemsCommand {
    /// Adds N new items to the table, and prints their ids
    Add {
        /// Number of items
        #[arg(value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_ITEMS)))]
        count: u32,
        /// Connection settings of Postgres.
        #[command(flatten)]
        postgres: PostgresArgs,
        /// Maximum wait for Postgres.
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Removes any N items, or the items with these ids, from the table
    Remove {
        /// Number of items, or their ids
        #[arg(value_name = "N|ID", required = true, num_args = 1..)]
        words: Vec<String>,
        /// Connection settings of Postgres.
        #[command(flatten)]
        postgres: PostgresArgs,
        /// Maximum wait for Postgres.
        #[command(flatten)]
        wait: WaitArgs,
    },
    /// Lists items, their values, and the worker that incremented each last
    List {
        /// Maximum number of items to list
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_ITEMS)))]
        limit: u32,
        /// Format of the output.
        #[command(flatten)]
        output: OutputArgs,
        /// Connection settings of Postgres.
        #[command(flatten)]
        postgres: PostgresArgs,
        /// Maximum wait for Postgres.
        #[command(flatten)]
        wait: WaitArgs,
    },
}

pub(super) async fn run(command: ItemsCommand, lines: &StdoutWriter) -> Result<(), Failure> {
    let text = match command {
        ItemsCommand::Add { count, postgres, wait } => {
            let ids = open(&postgres, &wait).await?.add_items(count).await?;
            ids.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        ItemsCommand::Remove { words, postgres, wait } => {
            let removal = Removal::parse(words.iter().map(String::as_str));
            match removal.map_err(|problem: BadRemoval| Failure::Arguments(problem.to_string()))? {
                Removal::Any(count) => removed(open(&postgres, &wait).await?.remove_any_items(count).await?, count.into()),
                Removal::These(ids) => removed(open(&postgres, &wait).await?.remove_items(&ids).await?, ids.len() as u64),
            }
        }
        ItemsCommand::List { limit, output, postgres, wait } => {
            let rows = open(&postgres, &wait).await?.list_items(limit).await?;
            output.finish(lines, || listed(&rows), || document(&rows));
            return Ok(());
        }
    };
    lines.finish(text);
    Ok(())
}

fn listed(rows: &[ItemRow]) -> String {
    let mut table = Table::new([("id", Align::Left), ("value", Align::Right), ("worker", Align::Left)]);
    for row in rows {
        let value = row.value.map_or("null".to_owned(), |value| value.to_string());
        table.row([row.id.to_string(), value, row.worker.clone().unwrap_or_default()]);
    }
    table.to_string()
}

fn document(rows: &[ItemRow]) -> Value {
    let one = |row: &ItemRow| json!({"id": row.id.to_string(), "value": row.value, "worker": row.worker});
    json!({"items": rows.iter().map(one).collect::<Vec<_>>()})
}

fn removed(found: u64, asked: u64) -> String {
    if found == asked {
        format!("{found} items removed")
    } else {
        format!("{found} items removed; {} of {asked} do not exist", asked - found)
    }
}

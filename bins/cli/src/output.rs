//! Output of a command: a table for people, or one JSON document for programs.

use clap::{Args, ValueEnum};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use serde_json::Value;

/// Format of the output.
#[derive(Clone, Copy, Debug, Args)]
pub struct OutputArgs {
    /// Format of the output
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    pub output: Output,
}

/// Format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Text for people.
    Table,
    /// One JSON document.
    Json,
}

impl OutputArgs {
    /// Prints the last text or document, in the format that was asked for.
    pub(crate) fn finish(self, lines: &StdoutWriter, text: impl FnOnce() -> String, document: impl FnOnce() -> Value) {
        lines.finish(match self.output {
            Output::Table => text(),
            Output::Json => document().to_string(),
        });
    }
}

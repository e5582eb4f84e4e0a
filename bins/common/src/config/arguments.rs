//! Parses the command line and the environment into arguments, or into a one-line error.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Command, Parser};

use super::old_names::{with_new_flags, with_old_variables};
use crate::{Failure, USAGE};

/// Parses the arguments of this process. If the command line asks for the help or the version, prints that and exits.
///
/// # Errors
/// [`Failure::Arguments`] if a flag or an environment variable is invalid.
pub fn parse<A: Parser>() -> Result<A, Failure> {
    parse_from(std::env::args_os())
}

/// Parses a command line whose first word is the program name, as [`parse`] does.
///
/// # Errors
/// [`Failure::Arguments`] if a flag or an environment variable is invalid.
pub fn parse_from<A: Parser>(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<A, Failure> {
    let command = with_old_variables(discreet(A::command()), &|variable| std::env::var_os(variable));
    let matches = command.try_get_matches_from(with_new_flags(words.into_iter().map(Into::into)));
    matches.and_then(|matches| A::from_arg_matches(&matches)).or_else(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => show(&error, 0),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => show(&error, i32::from(USAGE)),
        _ => Err(Failure::Arguments(one_line(&error))),
    })
}

/// Hides the values of environment variables in the help, which still shows names and defaults.
pub fn discreet(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_env_values(true)).mut_subcommands(discreet)
}

fn show(error: &clap::Error, code: i32) -> ! {
    // Ignored: if the output is closed, the help has no reader.
    let _ = error.print();
    std::process::exit(code)
}

/// Returns the first paragraph of the error in one line, without the hints.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    paragraph.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
}

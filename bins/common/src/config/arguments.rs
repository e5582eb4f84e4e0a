//! From a command line and the environment to arguments, or to one clear line.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Command, Parser};

use super::old_names::{with_new_flags, with_old_variables};
use crate::{Failure, USAGE};

/// The arguments of this process. Where only help or the version was asked for, prints that and ends the process.
///
/// # Errors
/// [`Failure::Arguments`] if a flag or an environment variable is invalid.
pub fn parse<A: Parser>() -> Result<A, Failure> {
    parse_from(std::env::args_os())
}

/// [`parse`], from a command line whose first word is the program.
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

/// Help shows names and defaults, but nothing of what stands in the environment.
pub fn discreet(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_env_values(true)).mut_subcommands(discreet)
}

fn show(error: &clap::Error, code: i32) -> ! {
    // A reader that is gone misses nothing.
    let _ = error.print();
    std::process::exit(code)
}

/// The first paragraph: what is wrong, without the hints.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    paragraph.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
}

//! From a command line and the environment to arguments, or to one clear line.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Command, Parser};

use crate::{Failure, USAGE};

/// The arguments of this process. Where only help or the version was asked for, prints that and ends the process.
///
/// # Errors
/// When a flag or a variable makes no sense.
pub fn parse<A: Parser>() -> Result<A, Failure> {
    parse_from(std::env::args_os())
}

/// [`parse`], from a command line whose first word is the program.
///
/// # Errors
/// When a flag or a variable makes no sense.
pub fn parse_from<A: Parser>(words: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<A, Failure> {
    let matches = discreet(A::command()).try_get_matches_from(words);
    matches.and_then(|matches| A::from_arg_matches(&matches)).or_else(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => show(&error, 0),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => show(&error, i32::from(USAGE)),
        _ => Err(Failure::Arguments(one_line(&error))),
    })
}

/// Help shows names and defaults, but nothing of what stands in the environment.
fn discreet(command: Command) -> Command {
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

#[cfg(test)]
mod tests {
    use clap::{Arg, CommandFactory};

    use super::*;
    use crate::config::{ControlPlaneArgs, WorkerArgs};
    use crate::tool::ToolArgs;

    fn complaint<A: Parser + std::fmt::Debug>(words: &[&str]) -> String {
        let failure = parse_from::<A>(words).unwrap_err();
        assert_eq!(failure.code(), USAGE, "{failure}");
        failure.to_string()
    }

    fn variables<A: CommandFactory>() -> Vec<(Arg, String)> {
        let command = A::command();
        let flags = command.get_arguments().filter(|arg| arg.get_env().is_some()).cloned();
        flags.map(|arg| (arg.clone(), arg.get_env().unwrap().to_str().unwrap().to_owned())).collect()
    }

    fn every_bad_value_is_named<A: Parser + std::fmt::Debug>() {
        for (arg, variable) in variables::<A>() {
            let flag = format!("--{}", arg.get_long().unwrap());
            assert_eq!(flag.trim_start_matches("--").replace('-', "_").to_uppercase(), variable);
            let text = ["POD_REVISION", "POSTGRES_HOST", "POSTGRES_USER", "POSTGRES_DB", "REDIS_HOST", "REDIS_USER", "REDIS_KEY"];
            let files = ["_PASSWORD_FILE", "_SSLROOTCERT", "_SSLCERT", "_SSLKEY", "_TLS_CA", "_TLS_CERT", "_TLS_KEY"];
            if text.contains(&variable.as_str()) || files.iter().any(|end| variable.ends_with(end)) {
                continue;
            }
            let bad = "no = such value";
            let line = complaint::<A>(&["program", &flag, bad]);
            assert!(line.contains(&variable) && line.contains(bad) && !line.contains('\n'), "{line}");
        }
    }

    #[test]
    fn every_bad_value_is_named_with_its_variable() {
        every_bad_value_is_named::<ControlPlaneArgs>();
        every_bad_value_is_named::<WorkerArgs>();
    }

    #[test]
    fn what_is_wrong_stands_in_one_line() {
        let line = complaint::<ControlPlaneArgs>(&["control-plane", "--slots", "1000"]);
        assert_eq!(line, "invalid value '1000' for '--slots <SLOTS>': must be a power of two from 256 to 65536");
        let line = complaint::<WorkerArgs>(&["worker", "--pod-name", "worker 1"]);
        assert!(line.contains("POD_NAME") && line.contains("worker 1") && !line.contains('\n'), "{line}");
        let line = complaint::<WorkerArgs>(&["worker", "--colour", "red"]);
        assert!(line.contains("--colour"), "{line}");
        let line = complaint::<ToolArgs>(&["notifi-scaler", "items", "add"]);
        assert!(line.contains("<N>") && !line.contains('\n'), "{line}");
    }

    #[test]
    fn secrets_have_no_flag_and_help_shows_no_values() {
        for (mut command, name) in
            [(ControlPlaneArgs::command(), "control-plane"), (WorkerArgs::command(), "worker"), (ToolArgs::command(), "tool")]
        {
            command.build();
            let mut commands = vec![&command];
            while let Some(command) = commands.pop() {
                for arg in command.get_arguments() {
                    let id = arg.get_id().as_str();
                    // `passwords` of `notifi-scaler secrets` names the keys that it makes.
                    let names_only = id == "passwords" || id.ends_with("_file");
                    let is_secret = (id.contains("password") || id.contains("url")) && !names_only;
                    assert!(!is_secret, "{name} takes the secret {id} as a flag");
                }
                commands.extend(command.get_subcommands());
            }
            let hidden = discreet(command);
            assert!(hidden.get_arguments().filter(|arg| arg.get_env().is_some()).all(Arg::is_hide_env_values_set));
        }
    }
}

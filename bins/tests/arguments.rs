//! The arguments of the programs: what is wrong is one line that names it, and no secret is a flag.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use clap::{Arg, CommandFactory, Parser};
use control_plane::ControlPlaneArgs;
use control_plane::secrets::SecretsArgs;
use notifi_scaler::commands::ToolArgs;
use notifi_scaler_common::USAGE;
use notifi_scaler_common::config::{discreet, parse_from};
use worker::WorkerArgs;

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
        // Checked when the store is built, or by Postgres.
        let names = ["GROUP", "TABLE", "KEY", "FILTER", "STATEMENT"];
        let files = ["_PASSWORD_FILE", "_SSLROOTCERT", "_SSLCERT", "_SSLKEY", "_TLS_CA", "_TLS_CERT", "_TLS_KEY"];
        if text.contains(&variable.as_str())
            || names.contains(&variable.as_str())
            || files.iter().any(|end| variable.ends_with(end))
        {
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
fn an_invalid_argument_is_reported_in_one_line() {
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
    for (mut command, name) in [
        (ControlPlaneArgs::command(), "control-plane"),
        (WorkerArgs::command(), "worker"),
        (ToolArgs::command(), "notifi-scaler"),
        (SecretsArgs::command(), "chart-secrets"),
    ] {
        command.build();
        let mut commands = vec![&command];
        while let Some(command) = commands.pop() {
            for arg in command.get_arguments() {
                let id = arg.get_id().as_str();
                // `passwords` of `chart-secrets` names the keys that it makes.
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

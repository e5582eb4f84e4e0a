//! Runs a command with a Postgres and a Redis: `with-servers -- COMMAND...`
//!
//! The URLs are in `TEST_DATABASE_URL` and `TEST_REDIS_URL`, and the exit code is that of the command. Without it, each test
//! process would start servers of its own.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use test_servers::{Postgres, Redis};
use tokio::process::Command;
use tokio::signal::ctrl_c;

const USAGE: u8 = 64;
const NO_SERVER: u8 = 69;
const NOT_FOUND: u8 = 127;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1).skip_while(|argument| argument == "--");
    let Some(program) = arguments.next() else {
        return fail("usage: with-servers -- COMMAND...", USAGE);
    };
    let (postgres, redis) = tokio::join!(Postgres::find(), Redis::find());
    match (postgres, redis) {
        (Ok(postgres), Ok(redis)) => run(program, arguments, &postgres, &redis).await,
        (Err(no_server), _) | (_, Err(no_server)) => fail(&no_server.to_string(), NO_SERVER),
    }
}

async fn run(program: OsString, arguments: impl Iterator<Item = OsString>, postgres: &Postgres, redis: &Redis) -> ExitCode {
    let mut command = Command::new(&program);
    command.args(arguments).env("TEST_DATABASE_URL", postgres.url()).env("TEST_REDIS_URL", redis.url());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return fail(&format!("{}: {error}", program.display()), NOT_FOUND),
    };
    loop {
        tokio::select! {
            // The terminal also interrupts the command, which needs its servers until it has ended.
            _ = ctrl_c() => {}
            status = child.wait() => return status.map_or(ExitCode::FAILURE, exit_code),
        }
    }
}

/// Returns the exit code as a shell reports it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

#[expect(clippy::print_stderr, reason = "this is a program, and stderr is where it speaks")]
fn fail(why: &str, code: u8) -> ExitCode {
    eprintln!("with-servers: {why}");
    ExitCode::from(code)
}

//! Network namespace for one test, in which packets can be redirected and dropped.
//!
//! A stopped process does not behave like a machine that lost power: its kernel still acknowledges what is sent, or answers
//! with a reset. Only dropped packets leave a connection half-open. They are dropped inside a network namespace, so that tests
//! do not affect each other or the rules of the machine.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// Environment variable with the name of the test that runs inside the namespace.
const INSIDE: &str = "TEST_NETWORK_NAMESPACE";

/// Network of the process, which has only a loopback interface.
#[derive(Debug, Default)]
pub struct Network {
    redirected: Mutex<BTreeMap<u16, u16>>,
}

/// Runs a test in a network namespace of its own, in which its servers and clients reach only each other.
///
/// It needs root, and the programs `unshare`, `ip` and `iptables`. The test program starts itself again inside the namespace,
/// with this one test. Servers of the environment or of Docker are not reachable there; use private ones.
///
/// ```ignore
/// #[test]
/// fn a_server_that_vanished_is_left() {
///     test_servers::in_own_network(async |network| { /* ... */ });
/// }
/// ```
///
/// # Panics
/// If the test fails, if the process is not root's, or if a program is missing.
#[expect(clippy::print_stdout, clippy::panic, reason = "the output of the test inside belongs to the test outside")]
pub fn in_own_network<F: AsyncFnOnce(&Network)>(test: F) {
    let name = test_name::<F>();
    if env::var(INSIDE).is_ok_and(|inside| inside == name) {
        return run(test);
    }
    if fs::metadata("/proc/self").map_or(0, |own| own.uid()) != 0 {
        panic!("{name} drops packets in a network namespace of its own: run it as root");
    }
    let program = env::current_exe().unwrap_or_else(|error| panic!("looking for the test program: {error}"));
    let mut inside = Command::new("unshare");
    inside.arg("--net").arg(program).args(["--exact", name, "--nocapture", "--test-threads", "1"]).env(INSIDE, name);
    let output = inside.output().unwrap_or_else(|error| panic!("starting `unshare` (package util-linux): {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{stdout}{stderr}");
    assert!(output.status.success(), "{name} failed in its network namespace: {}", output.status);
    // A run with an unknown test name runs no test and succeeds.
    assert!(stdout.contains("1 passed"), "{name} did not run in its network namespace");
}

/// Returns the path of the test that contains this closure, without the crate, as `--exact` expects it.
fn test_name<F>() -> &'static str {
    let path = std::any::type_name::<F>();
    let path = path.split_once("::").map_or(path, |(_crate, rest)| rest);
    path.split("::{{closure}}").next().unwrap_or(path)
}

#[expect(clippy::expect_used, reason = "a test without its runtime must fail")]
fn run<F: AsyncFnOnce(&Network)>(test: F) {
    order("ip", &["link", "set", "lo", "up"]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test(&Network::default()));
}

impl Network {
    /// Redirects new connections to port `from` on 127.0.0.1 to port `to`, as a Kubernetes Service does.
    ///
    /// Open connections stay with their present port.
    ///
    /// # Panics
    /// If `iptables` fails.
    pub fn redirect(&self, from: u16, to: u16) {
        let mut redirected = self.redirected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = redirected.insert(from, to) {
            redirection("-D", from, before);
        }
        redirection("-A", from, to);
    }

    /// Drops all packets to and from this port on every address, as if the server's machine had lost power.
    ///
    /// # Panics
    /// If `iptables` fails.
    pub fn silence(&self, port: u16) {
        dropping("-I", port);
    }

    /// Stops dropping packets to and from this port.
    ///
    /// # Panics
    /// If `iptables` fails, or the port is not [silenced](Self::silence).
    pub fn restore(&self, port: u16) {
        dropping("-D", port);
    }
}

fn redirection(action: &str, from: u16, to: u16) {
    let (from, to) = (from.to_string(), to.to_string());
    let what = ["-p", "tcp", "-d", "127.0.0.1", "--dport", &from, "-j", "REDIRECT", "--to-ports", &to];
    order("iptables", &[&["-w", "-t", "nat", action, "OUTPUT"][..], &what].concat());
}

fn dropping(action: &str, port: u16) {
    for direction in ["--dport", "--sport"] {
        order("iptables", &["-w", action, "INPUT", "-p", "tcp", direction, &port.to_string(), "-j", "DROP"]);
    }
}

#[expect(clippy::panic, reason = "a test without its network must fail, and its reader must see why")]
fn order(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("starting `{program}` (packages iproute2, iptables): {error}"));
    let answer = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{program} {}`: {answer}", arguments.join(" "));
}

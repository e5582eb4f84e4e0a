//! Confirmation of a command that changes the system.

use std::io::{self, BufRead, IsTerminal, Write};

use notifi_scaler_common::{Failure, OTHER};

/// Refuses a command that could not ask: there is no terminal, and `--yes` is not given.
pub(in crate::commands) fn may_ask(yes: bool) -> Result<(), Failure> {
    may_ask_on(yes, io::stdin().is_terminal() && io::stderr().is_terminal())
}

fn may_ask_on(yes: bool, is_terminal: bool) -> Result<(), Failure> {
    if yes || is_terminal {
        return Ok(());
    }
    Err(Failure::Arguments("this command asks for confirmation, and there is no terminal to ask on; add --yes".into()))
}

/// Shows what will happen, and asks unless `--yes` is given.
pub(in crate::commands) fn ask(yes: bool, effect: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    ask_on(effect, &mut io::stdin().lock(), &mut io::stderr().lock())
}

fn ask_on(effect: &str, input: &mut impl BufRead, output: &mut impl Write) -> Result<(), Failure> {
    let mut answer = String::new();
    let asked =
        write!(output, "{effect}\nGo on? [y/N] ").and_then(|()| output.flush()).and_then(|()| input.read_line(&mut answer));
    match asked {
        Ok(_) if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) => Ok(()),
        _ => Err(Failure::own("not confirmed; nothing was changed", OTHER)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_consent_is_a_flag() {
        assert!(may_ask_on(true, false).is_ok() && may_ask_on(false, true).is_ok());
        let failure = may_ask_on(false, false).unwrap_err();
        assert_eq!(failure.code(), 64);
        assert!(failure.to_string().ends_with("add --yes"), "{failure}");
    }

    #[test]
    fn only_yes_is_yes() {
        let answer = |mut text: &[u8]| {
            let mut shown = Vec::new();
            let answered = ask_on("worker-1 is drained", &mut text, &mut shown);
            assert_eq!(String::from_utf8(shown).unwrap(), "worker-1 is drained\nGo on? [y/N] ");
            answered
        };
        assert!(answer(b"y\n").is_ok() && answer(b"Yes\n").is_ok());
        for no in [&b"n\n"[..], b"\n", b"", b"yep\n"] {
            assert_eq!(answer(no).unwrap_err().code(), 1);
        }
    }
}

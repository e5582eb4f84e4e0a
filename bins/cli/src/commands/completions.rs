//! `notifi-scaler completions` and `notifi-scaler man`: completions for a shell, and man pages, from the commands themselves.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use notifi_scaler_common::config::discreet;
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::{Failure, OTHER};

use super::ToolArgs;

/// Name of the program.
const PROGRAM: &str = "notifi-scaler";

/// Arguments of `notifi-scaler completions`.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// Shell whose completions to print
    pub shell: Shell,
}

/// Arguments of `notifi-scaler man`.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// Directory for the pages; it is created if it is missing
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

pub(super) fn completions(args: CompletionsArgs, lines: &StdoutWriter) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut ToolArgs::command(), PROGRAM, &mut script);
    lines.finish(String::from_utf8_lossy(&script).trim_end());
}

pub(super) fn man(args: &ManArgs, lines: &StdoutWriter) -> Result<(), Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::own(
            format!("cannot write man pages to {}: {error}; name a directory that may be written", path.display()),
            OTHER,
        )
    };
    fs::create_dir_all(&args.directory).map_err(|error| failed(&args.directory, &error))?;
    let pages = pages().map_err(|error| failed(&args.directory, &error))?;
    for (name, page) in &pages {
        let path = args.directory.join(format!("{name}.1"));
        fs::write(&path, page).map_err(|error| failed(&path, &error))?;
    }
    lines.finish(format!("{} man pages written to {}", pages.len(), args.directory.display()));
    Ok(())
}

/// Returns a page for the program and for each of its commands, with its name.
fn pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut tool = discreet(ToolArgs::command()).disable_help_subcommand(true);
    tool.build();
    let mut pages = Vec::new();
    let mut left = vec![(PROGRAM.to_owned(), tool)];
    while let Some((name, command)) = left.pop() {
        let below = command.get_subcommands().map(|below| (format!("{name}-{}", below.get_name()), below.clone()));
        left.extend(below.collect::<Vec<_>>());
        pages.push((name.clone(), page(&name, command)?));
    }
    Ok(pages)
}

fn page(name: &str, command: Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    // Only names that live as long as the program can be given to a command.
    clap_mangen::Man::new(command.display_name(name.to_owned())).title(name).render(&mut page)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use notifi_scaler_common::testing::Kept;

    use super::*;

    fn every(command: &Command, path: &str, see: &mut impl FnMut(&str, &Command)) {
        see(path, command);
        for below in command.get_subcommands() {
            every(below, &format!("{path}-{}", below.get_name()), see);
        }
    }

    #[test]
    fn every_command_and_argument_has_help_and_a_man_page() {
        let pages = pages().unwrap();
        every(&ToolArgs::command(), PROGRAM, &mut |path, command| {
            assert!(command.get_about().is_some_and(|about| about.to_string().len() > 10), "{path} has no help");
            for arg in command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str())) {
                assert!(arg.get_help().is_some(), "{path} {} has no help", arg.get_id());
            }
            let (_, page) = pages.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("{path} has no man page"));
            let text = String::from_utf8_lossy(page);
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let words = |text: &str| text.replace('\\', "").split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
            assert!(words(&text).contains(&words(&about)), "{path}: {text}");
        });
    }

    #[test]
    fn every_shell_completes_every_command() {
        for shell in Shell::value_variants() {
            let kept = Kept::default();
            let lines = StdoutWriter::to(kept.clone()).unwrap();
            completions(CompletionsArgs { shell: *shell }, &lines);
            let script = kept.text(&lines);
            every(&ToolArgs::command(), PROGRAM, &mut |_, command| {
                assert!(command.is_hide_set() || script.contains(command.get_name()), "{shell}: {}", command.get_name());
            });
        }
    }

    #[test]
    fn pages_are_written_to_a_directory() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("man");
        let lines = StdoutWriter::to(Kept::default()).unwrap();
        man(&ManArgs { directory: directory.clone() }, &lines).unwrap();
        assert!(fs::read_to_string(directory.join("notifi-scaler-items-add.1")).unwrap().contains("Number of items"));
        let file = directory.join("notifi-scaler.1");
        let failure = man(&ManArgs { directory: file }, &lines).unwrap_err();
        assert!(failure.code() == 1 && failure.to_string().contains("cannot write man pages to "), "{failure}");
    }
}

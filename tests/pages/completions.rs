//! Completion scripts for shells.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;
use untrap::cli::options::definition;

/// Values that are worth completing although the definition takes any text, for a name may stand before them.
const VALUES: &[(&str, &[&str])] = &[
    ("stop-signal", SIGNALS),
    // Of `untrap signal`.
    ("sent", SIGNALS),
    ("on-exit", &["stop", "stop-on-failure", "ignore", "restart", "restart-on-failure"]),
    ("stop-order", &["at-once", "reverse", "listed"]),
    ("signal-to", &["auto", "leader", "group"]),
    ("output", &["raw", "prefix", "json"]),
    ("log-format", &["text", "json"]),
    ("generate", &["man", "bash", "zsh", "fish"]),
];

/// The signals that people send to servers.
const SIGNALS: &[&str] =
    &["TERM", "HUP", "INT", "QUIT", "USR1", "USR2", "WINCH", "CONT", "STOP", "TSTP", "ALRM", "ABRT", "KILL"];

/// The script that completes `untrap` and its verbs in this shell.
pub(super) fn script(shell: Shell) -> String {
    let runs = definition();
    // What only looks prints no page.
    let check = runs.clone().name("check").about("Prints what would run, and runs nothing");
    let check = check.mut_arg("generate", |argument| argument.hide(true));
    let [ps, signal] = untrap::cli::verbs::definitions();
    let verbs = [check, ps, signal].map(|verb| verb.mut_args(with_values));
    // Without the words: beside them the script for zsh takes no verb for one.
    let options = runs.get_arguments().filter(|argument| !argument.is_positional()).cloned().map(with_values);
    let mut command = Command::new("untrap").version(env!("CARGO_PKG_VERSION")).args(options).subcommands(verbs);
    command = command.disable_help_subcommand(true).disable_help_flag(true).disable_version_flag(true);
    let mut text = Vec::new();
    // It panics where it can't write, so it writes to memory.
    clap_complete::generate(shell, &mut command, "untrap", &mut text);
    let text = String::from_utf8(text).expect("it is made of strings");
    if shell == Shell::Fish { with_unfinished_options(&text) } else { text }
}

/// clap's script for fish takes an option whose value is still to come for a verb, and then offers files.
fn with_unfinished_options(script: &str) -> String {
    script.replacen("2>/dev/null\n    or return\n", "2>/dev/null\n    or return 0\n", 1)
}

/// The argument with what a shell can offer for it.
fn with_values(argument: Arg) -> Arg {
    let id = argument.get_id().as_str();
    if let Some((_, values)) = VALUES.iter().find(|(name, _)| *name == id) {
        return argument.value_parser(PossibleValuesParser::new(*values));
    }
    match id {
        "env-file" => argument.value_hint(ValueHint::FilePath),
        // As the runner and as the verbs call it.
        "pid-dir" | "pid_dir" => argument.value_hint(ValueHint::DirPath),
        _ => argument,
    }
}

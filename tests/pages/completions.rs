//! Completion scripts for shells.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};
use clap_complete::Shell;
use untrap::cli::definition::definition;
use untrap::cli::options::{Argument, Completion};
use untrap::cli::verbs::{RUN, VERBS, Verb};

/// The script that completes `untrap` and its verbs in this shell.
pub(super) fn script(shell: Shell) -> String {
    let verbs = VERBS.iter().map(|verb| completed(verb).name(verb.name));
    // With the positional arguments of a run the script for zsh would not offer the verbs.
    let run = completed(&RUN);
    let options = run.get_arguments().filter(|argument| !argument.is_positional()).cloned();
    let mut command = Command::new("untrap").version(env!("CARGO_PKG_VERSION")).args(options).subcommands(verbs);
    command = command.disable_help_subcommand(true).disable_help_flag(true).disable_version_flag(true);
    let mut text = Vec::new();
    // `generate` panics if a write fails; a write to memory cannot fail.
    clap_complete::generate(shell, &mut command, "untrap", &mut text);
    let text = String::from_utf8(text).expect("the script is UTF-8");
    if shell == Shell::Fish { with_unfinished_options(&text) } else { text }
}

/// The script of clap for fish mistakes an option whose value is still missing for a verb, and then offers files.
fn with_unfinished_options(script: &str) -> String {
    script.replacen("2>/dev/null\n    or return\n", "2>/dev/null\n    or return 0\n", 1)
}

/// The definition of a verb with the values that a shell can offer. The definition of the parser takes any text,
/// because a value can begin with NAME=.
fn completed(verb: &'static Verb) -> Command {
    definition(verb).mut_args(|argument| {
        let entry = verb.argument(argument.get_id().as_str()).expect("each argument has an entry");
        with_values(argument, entry)
    })
}

fn with_values(argument: Arg, entry: &Argument) -> Arg {
    match entry.completion {
        Completion::Unknown => argument,
        Completion::File => argument.value_hint(ValueHint::FilePath),
        Completion::Directory => argument.value_hint(ValueHint::DirPath),
        Completion::Words(words) => argument.value_parser(PossibleValuesParser::new(words)),
    }
}

//! Makes the definition of a verb for clap from the tables, and its help texts.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{FalseyValueParser, OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, Command, value_parser};

use super::advice::variables::is_service_link;
use super::options::{Argument, Kind};
use super::verbs::{VERBS, Verb};

/// The end of `untrap --help`.
const NOTES: &str = "\
A COMMAND is one quoted argument. [NAME=] limits a value to one service or process type. Each option has a variable:
UNTRAP_ and its long name, values separated by commas. Exit status: of the service whose exit began shutdown, else of
the first failure, else 0; 2 usage error, 124 timed out waiting, 125 internal error, 126 not executable, 127 not found.
Examples: untrap -h. Reference: man untrap.
";

/// The end of `untrap -h`.
const EXAMPLES: &str = "\
Examples:
  untrap 'web: puma -p 3000' 'sidekiq'       two commands, stopped together
  untrap -f Procfile web=2 worker            two of web, one worker
  untrap -s nginx=QUIT -t 20s nginx php-fpm  SIGQUIT stops nginx; both have 20 s to exit
  untrap -- redis-server --port 6380         one program

All options, and the exit status: untrap --help.
";

impl Argument {
    fn clap(&self, heading: &'static str) -> Arg {
        let action = match self.kind {
            Kind::Switch => ArgAction::SetTrue,
            Kind::Value | Kind::Path | Kind::Word => ArgAction::Set,
            Kind::List | Kind::Words | Kind::Program => ArgAction::Append,
            Kind::Help => ArgAction::HelpShort,
            Kind::Version => ArgAction::Version,
        };
        let value_name = Some(self.value_name).filter(|name| !name.is_empty());
        let argument = Arg::new(self.name).action(action).value_name(value_name).help(self.help_with_default());
        let is_link = |name: &&str| std::env::var(name).is_ok_and(|value| is_service_link(name, &value));
        let argument = argument.env(self.variable.filter(|name| !is_link(name))).hide_env(true).hide(self.is_hidden);
        let argument = match self.kind {
            Kind::Word => return argument.required(true),
            Kind::Words => return argument.num_args(0..),
            Kind::Program => return argument.num_args(0..).last(true).value_parser(value_parser!(OsString)),
            _ => argument.long(self.name).short(self.short).help_heading(Some(heading).filter(|text| !text.is_empty())),
        };
        match self.kind {
            // A negative number is answered by the option.
            Kind::Value | Kind::List => argument.allow_negative_numbers(true),
            Kind::Switch => argument.value_parser(FalseyValueParser::new()),
            Kind::Path => argument.value_parser(OsStringValueParser::new().map(PathBuf::from)),
            _ => argument,
        }
    }
}

/// The definition of a verb, for clap.
#[must_use]
pub fn definition(verb: &'static Verb) -> Command {
    let arguments = verb.groups.iter().flat_map(|group| group.arguments.iter().map(|entry| entry.clap(group.heading)));
    let command = Command::new(verb.name).bin_name(verb.call()).version(env!("CARGO_PKG_VERSION")).about(verb.about);
    // clap adds its own --help to a verb whose table has none.
    let command = command.disable_help_flag(verb.argument("help").is_some()).disable_version_flag(true);
    let command = command.no_binary_name(true).term_width(0).args(arguments).override_usage(usage(verb));
    if verb.is_run() { command.name("untrap").after_help(NOTES) } else { command }
}

/// The forms of a verb, one per line. A run also names the verbs.
fn usage(verb: &Verb) -> String {
    let mut lines: Vec<String> = verb.forms.iter().map(|form| format!("{} {form}", verb.call())).collect();
    if verb.is_run() {
        let verbs: Vec<String> = VERBS.iter().map(|verb| format!("untrap {} ...", verb.name)).collect();
        lines.push(verbs.join(" | "));
    }
    lines.join("\n       ")
}

/// The text of `-h`, if it differs from that of `--help`: the most used options and examples.
pub(super) fn short_help(verb: &'static Verb) -> Option<String> {
    verb.argument("help")?;
    let is_common = |name: &str| verb.argument(name).is_some_and(|entry| entry.is_common);
    let definition = definition(verb).mut_args(|argument| {
        let is_hidden = argument.is_hide_set() || !is_common(argument.get_id().as_str());
        argument.hide(is_hidden).help_heading(None)
    });
    Some(definition.after_help(EXAMPLES).render_help().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::verbs::RUN;

    #[test]
    fn clap_accepts_the_definition_of_every_verb() {
        VERBS.iter().chain([&RUN]).for_each(|verb| definition(verb).debug_assert());
    }
}

//! The man page: the table of options and the prose of `man/untrap.1.in`.

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use untrap::cli::options::definition;

/// The maximum length of a line of the source.
const WIDTH: usize = 80;

/// The date of the last change.
const DATE: &str = "2026-11-24";

/// The forms of the command line: the command in bold, and its arguments.
const SYNOPSIS: &[(&str, &str)] = &[
    ("untrap", "[OPTIONS] COMMAND..."),
    ("untrap", "[OPTIONS] -- PROGRAM [ARG]..."),
    ("untrap", "[OPTIONS] -f PROCFILE [TYPE[=N]]..."),
    ("untrap", "[OPTIONS]"),
    ("untrap check", "[OPTIONS] [COMMAND... | -f PROCFILE [TYPE[=N]]...]"),
    ("untrap ps", "[--pid-dir DIR] [--json]"),
    ("untrap signal", "[--pid-dir DIR] SIGNAL [NAME]..."),
    ("untrap --generate", "man|bash|zsh|fish"),
];

/// The prose after the options. Blocks are separated by blank lines: `# TITLE`, a paragraph, `TERM :: MEANING`, an
/// indented example, or `@variables` for the table of the options' variables.
const PROSE: &str = include_str!("../../man/untrap.1.in");

/// The man page, as roff.
pub(super) fn page() -> String {
    let definition = definition();
    let mut rest = Roff::new();
    synopsis(&mut rest);
    let about = definition.get_about().expect("the command has a description").to_string();
    rest.control("SH", ["DESCRIPTION"]).text([roman(about)]);
    options(&mut rest, &definition);
    prose(&mut rest, &definition);

    let man = Man::new(definition).title("UNTRAP").date(DATE).manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page).and_then(|()| man.render_name_section(&mut page)).expect("memory can be written");
    rest.to_writer(&mut page).expect("memory can be written");
    wrap(&String::from_utf8(page).expect("it is made of strings"))
}

fn synopsis(page: &mut Roff) {
    page.control("SH", ["SYNOPSIS"]);
    for (index, (name, rest)) in SYNOPSIS.iter().enumerate() {
        if index > 0 {
            page.control("br", []);
        }
        page.text([bold(*name), roman(" "), italic(*rest)]);
    }
}

/// Appends the sections of [`PROSE`].
fn prose(page: &mut Roff, definition: &Command) {
    let mut is_first = true;
    let mut is_environment = false;
    for block in PROSE.trim_end().split("\n\n") {
        if let Some(title) = block.strip_prefix("# ") {
            if is_environment {
                page.control("PD", []);
            }
            is_environment = title == "ENVIRONMENT";
            page.control("SH", [title]);
        } else if block == "@variables" {
            variables(page, definition);
        } else if let Some((term, meaning)) = block.split_once(" :: ") {
            let term = if is_environment { bold(term) } else { italic(term) };
            page.control("TP", is_environment.then_some("24")).text([term]).text([roman(meaning)]);
        } else if let Some(example) = block.strip_prefix("    ") {
            page.control("PP", []).control("RS", ["4"]).control("EX", []).text([bold(example)]);
            page.control("EE", []).control("RE", []);
        } else {
            if !is_first {
                page.control("PP", []);
            }
            page.text([roman(block)]);
        }
        is_first = block.starts_with("# ");
    }
}

/// The options under the headings of the help.
fn options(page: &mut Roff, definition: &Command) {
    page.control("SH", ["OPTIONS"]);
    let mut heading = None;
    for option in definition.get_arguments().filter(|argument| !argument.is_hide_set()) {
        if option.get_help_heading() != heading {
            heading = option.get_help_heading();
            page.control("SS", heading);
        }
        let names =
            [option.get_short().map(|name| format!("-{name}")), option.get_long().map(|name| format!("--{name}"))];
        let mut words: Vec<Inline> = Vec::new();
        for name in names.into_iter().flatten() {
            if !words.is_empty() {
                words.push(roman(", "));
            }
            words.push(bold(name));
        }
        if option.get_action().takes_values() {
            words.extend([roman(" "), italic(value_name(option))]);
        }
        page.control("TP", []).text(words).text([roman(help(option))]);
    }
}

/// The table of variables and the options that they set. The section restores `PD`.
fn variables(page: &mut Roff, definition: &Command) {
    page.control("PD", ["0"]);
    for argument in definition.get_arguments() {
        let Some(variable) = argument.get_env().map(|name| name.to_string_lossy().into_owned()) else { continue };
        let set = argument.get_long().map_or("TYPE[=N] beside a Procfile".to_owned(), |name| format!("--{name}"));
        page.control("TP", ["24"]).text([bold(variable)]).text([roman(set)]);
    }
}

fn value_name(option: &Arg) -> String {
    option.get_value_names().unwrap_or_default().join(" ")
}

fn help(option: &Arg) -> String {
    option.get_help().expect("each option has its help").to_string()
}

/// Breaks the lines of text between words, those of examples aside.
fn wrap(page: &str) -> String {
    let mut wrapped = String::with_capacity(page.len() + page.len() / WIDTH);
    let mut is_example = false;
    for line in page.lines() {
        is_example = line == ".EX" || is_example && line != ".EE";
        let stays = is_example || line.starts_with('.');
        let mut length = 0;
        for word in line.split(' ') {
            if length > 0 && !stays && length + 1 + word.len() > WIDTH {
                // At the start of a line these two would make it a request.
                wrapped.push_str(if word.starts_with(['.', '\'']) { "\n\\&" } else { "\n" });
                length = 0;
            } else if length > 0 {
                wrapped.push(' ');
                length += 1;
            }
            wrapped.push_str(word);
            length += word.len();
        }
        wrapped.push('\n');
    }
    wrapped
}

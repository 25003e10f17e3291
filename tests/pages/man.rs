//! The man page: the tables of options and verbs, and the prose of `man/untrap.1.in`.

use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use untrap::cli::definition::definition;
use untrap::cli::options::Argument;
use untrap::cli::verbs::{RUN, VERBS};

/// The maximum length of a line of the source.
const WIDTH: usize = 80;

/// The date of the last change.
const DATE: &str = "2026-11-28";

/// The prose after the options. Blocks are separated by blank lines: `# TITLE`, a paragraph, `TERM :: MEANING`, an
/// indented example, or `@variables` for the table of the options' variables.
const PROSE: &str = include_str!("../../man/untrap.1.in");

/// The man page, as roff.
pub(super) fn page() -> String {
    let mut rest = Roff::new();
    synopsis(&mut rest);
    rest.control("SH", ["DESCRIPTION"]).text([roman(RUN.about)]);
    options(&mut rest);
    prose(&mut rest);

    let man = Man::new(definition(&RUN)).title("UNTRAP").date(DATE).manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .expect("a write to memory cannot fail");
    rest.to_writer(&mut page).expect("a write to memory cannot fail");
    wrap(&String::from_utf8(page).expect("the page is UTF-8"))
}

/// The forms of every call: its words in bold, and its arguments.
fn synopsis(page: &mut Roff) {
    page.control("SH", ["SYNOPSIS"]);
    let forms = [&RUN].into_iter().chain(VERBS).flat_map(|verb| verb.forms.iter().map(|form| (verb.call(), *form)));
    for (index, (call, form)) in forms.enumerate() {
        if index > 0 {
            page.control("br", []);
        }
        page.text([bold(call), roman(" "), italic(form)]);
    }
}

/// Appends the sections of [`PROSE`].
fn prose(page: &mut Roff) {
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
            variables(page);
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

/// The options under the headings of the help, then those that only a verb has.
fn options(page: &mut Roff) {
    page.control("SH", ["OPTIONS"]);
    let mut heading = "";
    for group in RUN.groups {
        for option in group.arguments.iter().filter(|argument| argument.is_option()) {
            if group.heading != heading {
                heading = group.heading;
                page.control("SS", [heading]);
            }
            entry(page, option);
        }
    }
    for verb in VERBS {
        let own: Vec<&Argument> = verb.arguments().filter(|argument| RUN.argument(argument.name).is_none()).collect();
        if !own.is_empty() {
            page.control("SS", [verb.call().as_str()]);
        }
        for argument in own {
            entry(page, argument);
        }
    }
}

/// The paragraphs about an option or a positional argument.
fn entry(page: &mut Roff, argument: &Argument) {
    let mut words: Vec<Inline> = Vec::new();
    if let Some(short) = argument.short {
        words.extend([bold(format!("-{short}")), roman(", ")]);
    }
    if argument.is_option() {
        words.push(bold(argument.to_string()));
    }
    if !argument.value_name.is_empty() {
        let space = if words.is_empty() { "" } else { " " };
        words.extend([roman(space), italic(argument.value_name)]);
    }
    page.control("TP", []).text(words).text([roman(format!("{}.", argument.help_with_default()))]);
    for paragraph in argument.details.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        page.control("IP", []).text([roman(paragraph)]);
    }
}

/// The table of variables and the options that they set. The section restores `PD`.
fn variables(page: &mut Roff) {
    page.control("PD", ["0"]);
    for argument in RUN.arguments() {
        let Some(variable) = argument.variable else { continue };
        let set = if argument.is_option() { argument.to_string() } else { "TYPE[=N] beside a Procfile".to_owned() };
        page.control("TP", ["24"]).text([bold(variable)]).text([roman(set)]);
    }
}

/// Breaks lines of text, except examples, between words.
fn wrap(page: &str) -> String {
    let mut wrapped = String::with_capacity(page.len() + page.len() / WIDTH);
    let mut is_example = false;
    for line in page.lines() {
        is_example = line == ".EX" || is_example && line != ".EE";
        let stays = is_example || line.starts_with('.');
        let mut length = 0;
        for word in line.split(' ') {
            if length > 0 && !stays && length + 1 + word.len() > WIDTH {
                // A line that begins with one of these characters would be a roff request.
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

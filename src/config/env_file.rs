//! Parses env files (`--env-file`). The reference is python-dotenv; docs/env-files.md lists the differences.

use std::ffi::{OsStr, OsString};
use std::fmt;

use crate::config::bounded;
use crate::config::procfile::{Position, without_bom};
use crate::config::variables::Variables;

/// A syntax error in an env file. Its text contains no part of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EnvFileError {
    /// Its position; that of an open quote is the quote.
    pub position: Position,
    /// Its kind.
    pub kind: EnvFileErrorKind,
}

/// A kind of error in an env file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EnvFileErrorKind {
    /// The file is not UTF-8.
    NotUtf8,
    /// The file contains a NUL, at which execve(2) would end the value.
    Nul,
    /// No name precedes the `=`.
    NoName,
    /// A blank in a name.
    BlankInName,
    /// A character that a name cannot contain.
    NameCharacter(char),
    /// A quote that is not closed.
    OpenQuote(char),
    /// Text after a closing quote.
    TextAfterQuote,
    /// An expansion in the default of another one.
    NestedExpansion,
    /// The values of the expansions in the file exceed the limit of the file itself.
    LargeExpansion,
}

impl fmt::Display for EnvFileErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("the file is not UTF-8; convert it"),
            Self::Nul => f.write_str("a NUL character, which no variable can contain; remove it"),
            Self::NoName => f.write_str("no name before the '='; write NAME=VALUE"),
            Self::BlankInName => f.write_str("a name with a blank; write NAME=VALUE, or '#' before a comment"),
            Self::NameCharacter(character) => {
                write!(f, "a name with the character {character:?}; write NAME=VALUE, or '#' before a comment")
            }
            Self::OpenQuote(quote) => {
                write!(f, "a quote {quote} that is never closed; close it, or put the whole value in other quotes")
            }
            Self::TextAfterQuote => f.write_str("text after the closing quote; put the whole value in quotes"),
            Self::NestedExpansion => {
                f.write_str("an expansion in the default of another one; give it a variable and a line of its own")
            }
            Self::LargeExpansion => write!(
                f,
                "the expanded values of the file are larger than {} MiB; shorten them",
                bounded::ENV_FILE / bounded::MEBIBYTE
            ),
        }
    }
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.kind)
    }
}

impl std::error::Error for EnvFileError {}

/// A value that a reader of the file may not expect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueNote {
    /// Its position.
    pub position: Position,
    /// The variable that is defined.
    pub name: String,
    /// Why the value is unexpected.
    pub kind: ValueNoteKind,
}

/// Why a value is unexpected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueNoteKind {
    /// It expands this variable, which is not set.
    Unset(String),
    /// It is not quoted, and it is not the text after the `=`.
    Changed {
        /// Variables are expanded.
        is_expanded: bool,
        /// A comment is left out.
        has_comment: bool,
        /// Blanks before or after the value are left out.
        has_blanks: bool,
    },
}

impl fmt::Display for ValueNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, name, kind } = self;
        match kind {
            ValueNoteKind::Unset(unset) => write!(
                f,
                "{position}: {name} expands {unset}, which is not set; set it, write ${{{unset}:-DEFAULT}}, or put the \
                 value in single quotes"
            ),
            ValueNoteKind::Changed { is_expanded, has_comment, has_blanks } => {
                let changes = [
                    (*is_expanded, "${…} is expanded"),
                    (*has_comment, "the comment is left out"),
                    (*has_blanks, "blanks around it are left out"),
                ];
                let changes: Vec<&str> =
                    changes.iter().filter(|(has_happened, _)| *has_happened).map(|(_, text)| *text).collect();
                write!(f, "{position}: the value of {name} is not as written: {}", changes.join(", "))
            }
        }
    }
}

/// The variables that a `${NAME}` can expand beside those of the file itself.
#[derive(Clone, Copy, Debug)]
pub struct Outside<'a> {
    /// untrap's own environment, which wins over the file.
    pub environment: &'a Variables,
    /// Those of the files over which this file wins.
    pub below: Option<&'a Variables>,
}

impl<'a> Outside<'a> {
    fn get(self, name: &str, file: &'a Variables) -> Option<&'a OsStr> {
        let below = || self.below.and_then(|below| below.get(name));
        self.environment.get(name).or_else(|| file.get(name)).or_else(below)
    }
}

/// Parses the content of a file and adds its variables to `variables`, which may contain those of earlier files.
///
/// # Errors
/// Fails at the first error.
pub fn parse(bytes: &[u8], outside: Outside, variables: &mut Variables) -> Result<Vec<ValueNote>, EnvFileError> {
    let bytes = without_bom(bytes);
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
        EnvLines::new(&before).error(&before[before.len()..], EnvFileErrorKind::NotUtf8)
    })?;
    let mut file = EnvLines::new(text);
    if let Some(nul) = text.find('\0') {
        return Err(file.error(&text[nul..], EnvFileErrorKind::Nul));
    }
    let mut notes = Vec::new();
    let mut budget = bounded::ENV_FILE as usize;
    while let Some(definition) = file.next_definition()? {
        let Definition { name, value } = definition;
        let mut expander = Expander { outside, variables, budget, has_expanded: false, unset: None };
        let result = match value {
            Written::SingleQuoted(inside) => OsString::from(inside.replace("\r\n", "\n")),
            Written::DoubleQuoted(inside) => {
                expander.expand(inside, true).map_err(|(at, kind)| file.error(at, kind))?
            }
            Written::Unquoted { text, .. } => {
                expander.expand(text, false).map_err(|(at, kind)| file.error(at, kind))?
            }
        };
        budget = expander.budget;
        let is_expanded = expander.has_expanded;
        let mut note = |at: &str, kind| {
            notes.push(ValueNote { position: file.position(at), name: name.to_owned(), kind });
        };
        if let Some((at, unset)) = expander.unset {
            note(at, ValueNoteKind::Unset(unset.to_owned()));
        }
        if let Written::Unquoted { text, has_comment, has_blanks } = value
            && (is_expanded || has_comment || has_blanks)
        {
            note(text, ValueNoteKind::Changed { is_expanded, has_comment, has_blanks });
        }
        variables.set(name, result);
    }
    Ok(notes)
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

fn trim_blanks(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// The start of a comment: the first `#` after a blank.
fn find_comment(text: &str) -> Option<usize> {
    let mut hashes = text.match_indices('#').map(|(at, _)| at);
    hashes.find(|at| text[..*at].ends_with(is_blank))
}

fn is_name_character(character: char) -> bool {
    !character.is_whitespace() && !character.is_control() && !"='\"$".contains(character)
}

/// Whether an env file can define a variable of this name.
#[must_use]
pub fn is_variable_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_character)
}

/// A definition as it is written.
struct Definition<'t> {
    name: &'t str,
    value: Written<'t>,
}

/// A value as it is written.
#[derive(Clone, Copy)]
enum Written<'t> {
    SingleQuoted(&'t str),
    DoubleQuoted(&'t str),
    /// The value without comment and surrounding blanks, and whether it had any.
    Unquoted {
        text: &'t str,
        has_comment: bool,
        has_blanks: bool,
    },
}

/// Splits a text into definitions, and knows their positions.
struct EnvLines<'t> {
    text: &'t str,
    rest: &'t str,
    /// The number and the offset of the line in which the latest definition begins.
    line: usize,
    start: usize,
    /// The number of the line in which `rest` begins.
    next_line: usize,
}

impl<'t> EnvLines<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, rest: text, line: 1, start: 0, next_line: 1 }
    }

    /// The position of `at`, which is a part of the text in or after the latest definition.
    fn position(&self, at: &str) -> Position {
        let before = &self.text[self.start..at.as_ptr().addr() - self.text.as_ptr().addr()];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position { line: self.line + before.matches('\n').count(), column: before[line_start..].chars().count() + 1 }
    }

    fn error(&self, at: &str, kind: EnvFileErrorKind) -> EnvFileError {
        EnvFileError { position: self.position(at), kind }
    }

    /// Takes the rest of the line, without its line break.
    fn take_line(&mut self) -> &'t str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.next_line += 1;
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// Takes lines up to the end of the next definition.
    fn next_definition(&mut self) -> Result<Option<Definition<'t>>, EnvFileError> {
        while !self.rest.is_empty() {
            (self.line, self.start) = (self.next_line, self.text.len() - self.rest.len());
            let line = self.take_line().trim_start_matches(is_blank);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let exported = line.strip_prefix("export").filter(|rest| rest.starts_with(is_blank));
            let definition = exported.unwrap_or(line).trim_start_matches(is_blank);
            let (name, value) = match definition.split_once('=') {
                Some((name, value)) if find_comment(name).is_none() => (name, Some(value)),
                _ => (&definition[..find_comment(definition).unwrap_or(definition.len())], None),
            };
            let name = trim_blanks(name);
            self.check_name(name, definition)?;
            if let Some(value) = value {
                return Ok(Some(Definition { name, value: self.value(value)? }));
            }
        }
        Ok(None)
    }

    fn check_name(&self, name: &'t str, definition: &'t str) -> Result<(), EnvFileError> {
        // After `export`, a `#` begins a comment too.
        if name.is_empty() || name.starts_with('#') {
            return Err(self.error(definition, EnvFileErrorKind::NoName));
        }
        let Some((at, character)) = name.char_indices().find(|(_, character)| !is_name_character(*character)) else {
            return Ok(());
        };
        let is_space = character.is_whitespace();
        let kind = if is_space { EnvFileErrorKind::BlankInName } else { EnvFileErrorKind::NameCharacter(character) };
        Err(self.error(&name[at..], kind))
    }

    /// Reads the value after a `=`. `written` is the rest of its line; a quoted value can take more lines.
    fn value(&mut self, written: &'t str) -> Result<Written<'t>, EnvFileError> {
        let text = written.trim_start_matches(is_blank);
        if let Some(quote @ ('\'' | '"')) = text.chars().next() {
            return self.quoted(text, quote);
        }
        // JSON can contain a blank and a `#`.
        let comment = if text.starts_with(['{', '[']) { None } else { find_comment(written) };
        let text = trim_blanks(&written[..comment.unwrap_or(written.len())]);
        let has_blanks = match comment {
            Some(_) => written.starts_with(is_blank) && !text.is_empty(),
            None => text.len() < written.len(),
        };
        Ok(Written::Unquoted { text, has_comment: comment.is_some(), has_blanks })
    }

    /// Reads a quoted value, which `text` begins with.
    fn quoted(&mut self, text: &'t str, quote: char) -> Result<Written<'t>, EnvFileError> {
        let inside = &self.text[text.as_ptr().addr() - self.text.as_ptr().addr() + 1..];
        let end = if quote == '\'' { inside.find('\'') } else { find_double_quote(inside) };
        let end = end.ok_or_else(|| self.error(text, EnvFileErrorKind::OpenQuote(quote)))?;
        let (inside, after) = (&inside[..end], &inside[end + 1..]);
        self.next_line = self.line + inside.matches('\n').count();
        self.rest = after;
        let after = self.take_line().trim_start_matches(is_blank);
        if !after.is_empty() && !after.starts_with('#') {
            return Err(self.error(after, EnvFileErrorKind::TextAfterQuote));
        }
        Ok(if quote == '\'' { Written::SingleQuoted(inside) } else { Written::DoubleQuoted(inside) })
    }
}

/// The first `"` that no backslash escapes.
fn find_double_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

/// Replaces expansions and escapes by their values.
struct Expander<'a, 't> {
    outside: Outside<'a>,
    variables: &'a Variables,
    /// The bytes that expansions may still add. Without a limit, some lines that expand each other fill the memory.
    budget: usize,
    has_expanded: bool,
    /// The first expanded variable that is not set, and where. Only the first: to find a position takes linear time.
    unset: Option<(&'t str, &'t str)>,
}

impl<'t> Expander<'_, 't> {
    /// Expands a value. An error comes with its place in `text`.
    fn expand(&mut self, text: &'t str, is_quoted: bool) -> Result<OsString, (&'t str, EnvFileErrorKind)> {
        let mut value = OsString::new();
        let mut rest = text;
        // Without this, many expansions that are not closed would take quadratic time.
        let after_last_brace = text.rfind('}').map_or(usize::MAX, |at| text.len() - at);
        let special: &[char] = if is_quoted { &['$', '\\', '\r'] } else { &['$'] };
        while let Some(at) = rest.find(special) {
            value.push(&rest[..at]);
            rest = &rest[at..];
            if let Some(reference) = Reference::read(rest, rest.len() > after_last_brace) {
                let default = reference.default.unwrap_or_default();
                if let Some(inner) = default.find("${") {
                    return Err((&default[inner..], EnvFileErrorKind::NestedExpansion));
                }
                self.expand_variable(&reference, rest, is_quoted, &mut value).map_err(|kind| (rest, kind))?;
                rest = reference.rest;
            } else {
                rest = unescape(rest, is_quoted, &mut value);
            }
        }
        value.push(rest);
        Ok(value)
    }

    fn expand_variable(
        &mut self,
        reference: &Reference<'t>,
        at: &'t str,
        is_quoted: bool,
        value: &mut OsString,
    ) -> Result<(), EnvFileErrorKind> {
        self.has_expanded = true;
        let found = self.outside.get(reference.name, self.variables);
        match found.filter(|found| !(found.is_empty() && reference.is_for_empty)) {
            Some(found) => {
                self.budget = self.budget.checked_sub(found.len()).ok_or(EnvFileErrorKind::LargeExpansion)?;
                value.push(found);
            }
            None => match reference.default {
                Some(default) => push_default(default, is_quoted, value),
                None if found.is_none() => _ = self.unset.get_or_insert((at, reference.name)),
                None => {}
            },
        }
        Ok(())
    }
}

/// Adds a default, which contains no expansion.
fn push_default(mut default: &str, is_quoted: bool, value: &mut OsString) {
    while let Some(at) = default.find(['\\', '\r']).filter(|_| is_quoted) {
        value.push(&default[..at]);
        default = unescape(&default[at..], is_quoted, value);
    }
    value.push(default);
}

/// Takes a special character, with what it escapes, from the start of `text`, and returns the rest.
fn unescape<'t>(text: &'t str, is_quoted: bool, value: &mut OsString) -> &'t str {
    if is_quoted && let Some(rest) = text.strip_prefix("\r\n") {
        value.push("\n");
        return rest;
    }
    let escaped = text.strip_prefix('\\').filter(|_| is_quoted).and_then(|rest| {
        let character = match rest.chars().next()? {
            'n' => "\n",
            'r' => "\r",
            't' => "\t",
            '\\' => "\\",
            '"' => "\"",
            '$' => "$",
            _ => return None,
        };
        Some((character, &rest[1..]))
    });
    let (character, rest) = escaped.unwrap_or_else(|| text.split_at(1));
    value.push(character);
    rest
}

/// `${NAME}`, `${NAME:-word}` or `${NAME-word}`.
struct Reference<'t> {
    name: &'t str,
    default: Option<&'t str>,
    /// Whether the default also replaces an empty value.
    is_for_empty: bool,
    rest: &'t str,
}

impl<'t> Reference<'t> {
    /// Parses the expansion at the start of a text; `None` if the text stands for itself.
    fn read(text: &'t str, has_brace: bool) -> Option<Self> {
        let text = text.strip_prefix("${").filter(|_| has_brace)?;
        let is_end = |character| matches!(character, '{' | '}' | ':' | '-') || !is_name_character(character);
        let (name, after) = text.split_at(text.find(is_end).filter(|end| *end > 0)?);
        if let Some(rest) = after.strip_prefix('}') {
            return Some(Self { name, default: None, is_for_empty: false, rest });
        }
        let default = after.strip_prefix(':').unwrap_or(after).strip_prefix('-')?;
        let (default, rest) = default.split_once('}')?;
        Some(Self { name, default: Some(default), is_for_empty: after.starts_with(':'), rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = Vec<(String, String)>;

    fn read(text: impl AsRef<[u8]>) -> Result<(Pairs, Vec<String>), EnvFileError> {
        let mut environment = Variables::default();
        environment.set("HOST", "db".into());
        environment.set("EMPTY", "".into());
        let mut variables = Variables::default();
        let notes = parse(text.as_ref(), Outside { environment: &environment, below: None }, &mut variables)?;
        let text_of = |text: OsString| text.into_string().unwrap();
        let pairs = variables.into_list([]).into_iter().map(|(name, value)| (text_of(name), text_of(value))).collect();
        Ok((pairs, notes.iter().map(ValueNote::to_string).collect()))
    }

    #[track_caller]
    fn gives(text: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(read(text).unwrap().0, expected, "{text:?}");
    }

    #[track_caller]
    fn fails(text: impl AsRef<[u8]>, line: usize, column: usize, kind: EnvFileErrorKind) {
        let text = text.as_ref();
        let expected = EnvFileError { position: Position { line, column }, kind };
        assert_eq!(read(text), Err(expected), "{:?}", String::from_utf8_lossy(text));
    }

    #[test]
    fn an_unquoted_value_is_the_rest_of_the_line_as_it_is() {
        for value in [
            "bar bat",
            r#"{"a":1}"#,
            "pa$$w0rd",
            "$2y$10$abcdef",
            "$HOME",
            "it's",
            r"C:\new\table",
            "a\"b\"",
            "#fff",
            "a#b",
            "x=y",
            "$(id) `id`",
            "${",
            "${}",
            "${A B}",
            "${A:?x}",
            "${HOST",
            "a\u{a0}",
        ] {
            gives(&format!("V={value}"), &[("V", value)]);
            assert_eq!(read(format!("V={value}")).unwrap().1, [""; 0], "{value}: nothing to note");
        }
    }

    #[test]
    fn names_exports_blanks_and_comments_are_read() {
        let text = "\u{feff}# ours\r\nA=1\r\n\n \t# x\nexport B = 2 \nexport\tC=\ndiscovery.type=x\nD\nexport E\nF # a = b\nA=3";
        gives(text, &[("A", "3"), ("B", "2"), ("C", ""), ("discovery.type", "x")]);
        gives("exported=1\nexport=2", &[("exported", "1"), ("export", "2")]);
        gives("a-b=1\né=1\n1=1\nA#B=1", &[("a-b", "1"), ("é", "1"), ("1", "1"), ("A#B", "1")]);
        gives("", &[]);
    }

    #[test]
    fn a_comment_begins_with_a_blank_and_a_hash() {
        gives("A=1 # it's\nB= # x\nC=a\t#\nD=a # b # c", &[("A", "1"), ("B", ""), ("C", "a"), ("D", "a")]);
        gives(r#"A={"a": "x #1"} # y"#, &[("A", r#"{"a": "x #1"} # y"#)]);
        gives("A= [1, #2]", &[("A", "[1, #2]")]);
        gives("A='1' # x\nB=\"2\"# y\nC='3'  ", &[("A", "1"), ("B", "2"), ("C", "3")]);
    }

    #[test]
    fn quotes_keep_blanks_and_span_lines() {
        gives("A='a\r\n b\n'\nB=\"c\r\nd\"\nC=1", &[("A", "a\n b\n"), ("B", "c\nd"), ("C", "1")]);
        gives(r"A='\n \\ ${HOST} $x'", &[("A", r"\n \\ ${HOST} $x")]);
        gives(r#"A="\n\r\t\\\"\$\a\'\${HOST}""#, &[("A", "\n\r\t\\\"$\\a\\'${HOST}")]);
        gives(r#"A="\\"  "#, &[("A", "\\")]);
    }

    #[test]
    fn braces_expand_the_environment_then_earlier_lines() {
        gives("HOST=x\nA=${HOST}\nB=${A}2\nB=\"${B}3\"", &[("HOST", "x"), ("A", "db"), ("B", "db23")]);
        gives("A=${U:-a b}\nB=${U-c}", &[("A", "a b"), ("B", "c")]);
        gives("A=${EMPTY:-a}\nB=${EMPTY-b}\nC=${EMPTY}", &[("A", "a"), ("B", ""), ("C", "")]);
        gives(r#"A="${U:-a\"b\n}c""#, &[("A", "a\"b\nc")]);
    }

    #[test]
    fn an_unset_variable_is_empty_with_a_warning() {
        let (variables, notes) = read("A=1\nB=\"\n x${U}${W}y\"").unwrap();
        assert_eq!(variables[1].1, "\n xy");
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with("3:3: B expands U, which is not set"), "{notes:?}");
        for text in ["A=${EMPTY}", "A='${U}'", "A=\"\\${U}\"", "A=\"${U-}\""] {
            assert!(!read(text).unwrap().1.iter().any(|note| note.contains("not set")), "{text}");
        }
    }

    #[test]
    fn a_note_tells_where_an_unquoted_value_is_not_its_text() {
        for (text, changes) in [
            ("A=x # y", "the comment is left out"),
            ("A= x", "blanks around it are left out"),
            ("A=x\t", "blanks around it are left out"),
            ("A=${HOST}", "${…} is expanded"),
            ("A= ${HOST} # x", "${…} is expanded, the comment is left out, blanks around it are left out"),
        ] {
            let notes = read(text).unwrap().1;
            assert!(notes[0].ends_with(&format!("the value of A is not as written: {changes}")), "{text}: {notes:?}");
        }
        assert_eq!(read("A=' x # ${HOST}'\nB=\"${HOST} \"\nC=x\r\nexport D=1\n").unwrap().1, [""; 0]);
    }

    #[test]
    fn an_error_names_its_position_and_its_cause() {
        use EnvFileErrorKind::*;
        fails("A=1\nFOO BAR=1\n", 2, 4, BlankInName);
        fails("A=1\nexport FOO BAR\n", 2, 11, BlankInName);
        fails("A\u{a0}=1", 1, 2, BlankInName);
        fails("=x", 1, 1, NoName);
        fails("export =x", 1, 8, NoName);
        fails("export #=x", 1, 8, NoName);
        fails("'A'=1", 1, 1, NameCharacter('\''));
        fails("$A=1", 1, 1, NameCharacter('$'));
        fails("A=1\r\né=\"open\n\nB=1\n", 2, 3, OpenQuote('"'));
        fails("A='it's'", 1, 7, TextAfterQuote);
        fails("A='a\nb' c", 2, 4, TextAfterQuote);
        fails("A='a'b", 1, 6, TextAfterQuote);
        fails("A=\"x\n${B:-${C}}\"", 2, 6, NestedExpansion);
        fails("A=${B-${C}}", 1, 7, NestedExpansion);
        fails("A=1\nB='x\0y'", 2, 5, Nul);
        fails(b"A=1\n\xc3\xa9=\xff", 2, 3, NotUtf8);
        let growing: String = (0..40).map(|_| "A=${A}${A}xxxxxxxx\n").collect();
        let Err(EnvFileError { kind: LargeExpansion, .. }) = read(&growing) else { panic!("a bomb") };
    }

    #[test]
    fn reading_takes_linear_time() {
        let size = 300_000;
        for text in ["A=${a-", "${", "A=\"${a:", "#", " ", "A='", "${a", "\\"].map(|part| part.repeat(size)) {
            for text in [format!("V={text}"), format!("V=\"{text}\""), text] {
                let _ = read(&text);
            }
        }
        assert_eq!(read(format!("V={}", "${U}".repeat(size))).unwrap().1.len(), 2);
    }
}

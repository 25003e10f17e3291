//! Makes the expansions of a simple command (POSIX 2.6, Word Expansions): parameter expansion, then field splitting.
//!
//! Pure: the caller looks up the variables. If a value needs sh, for example for pathname expansion, the line goes to
//! sh.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::shell::ShellReason;
use crate::shell::builtins::reason_against_program;
use crate::shell::cd::{is_clean, is_plain_operand};
use crate::shell::parse::{Expansion, Part, Simple, Word};

/// Variables that some shells set if the environment does not contain them.
pub(super) const SET_BY_SHELL: &[&str] = &["HOME", "HOSTNAME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"];

/// A simple command after its expansions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expanded {
    /// The operand of a `cd` before the command.
    pub directory: Option<OsString>,
    /// The variables to set for the program only; each name occurs once.
    pub variables: Vec<(OsString, OsString)>,
    /// The program and its arguments; at least one.
    pub words: Vec<OsString>,
}

/// Expands a simple command with the variables that `lookup` returns.
///
/// # Errors
/// Returns the reason why the line needs a shell.
pub fn expand<'a>(simple: &'a Simple, lookup: impl Fn(&str) -> Option<&'a OsStr>) -> Result<Expanded, ShellReason> {
    let mut words = Vec::with_capacity(simple.words.len());
    for word in &simple.words {
        fields(word, &lookup, &mut words)?;
    }
    let program = words.first().ok_or(ShellReason::NoProgram)?;
    if let Some(reason) = reason_against_program(&program.to_string_lossy(), simple.is_exec) {
        return Err(reason);
    }
    let directory = simple.directory.as_ref().map(|word| directory(word, &lookup)).transpose()?;
    let mut variables: Vec<(OsString, OsString)> = Vec::with_capacity(simple.assignments.len());
    for (name, value) in &simple.assignments {
        variables.retain(|(earlier, _)| earlier != name.as_str());
        variables.push((OsString::from(name), whole(value, &lookup)?));
    }
    Ok(Expanded { directory, variables, words })
}

/// Expands the operand of a `cd` if every shell changes to the same directory and sets the same `PWD`.
fn directory<'a>(word: &'a Word, lookup: &impl Fn(&str) -> Option<&'a OsStr>) -> Result<OsString, ShellReason> {
    for variable in ["CDPATH", "PWD"] {
        if lookup(variable).is_some_and(|value| variable == "CDPATH" || !is_clean(value.as_bytes())) {
            return Err(ShellReason::ShellVariable(variable.to_owned()));
        }
    }
    let mut operands = Vec::with_capacity(1);
    fields(word, lookup, &mut operands)?;
    match (operands.pop(), operands.is_empty()) {
        (Some(directory), true) if is_plain_operand(directory.as_bytes()) => Ok(directory),
        _ => Err(ShellReason::Word("cd".to_owned())),
    }
}

/// Adds the fields into which a word expands: none, one or several.
fn fields<'a>(
    word: &'a Word,
    lookup: &impl Fn(&str) -> Option<&'a OsStr>,
    fields: &mut Vec<OsString>,
) -> Result<(), ShellReason> {
    let mut field: Option<Vec<u8>> = None;
    for part in word {
        let value = value(part, lookup)?;
        match part {
            Part::Expansion(expansion) if !expansion.quoted => {
                // Some shells use IFS from the environment, others ignore it.
                if lookup("IFS").is_some() {
                    return Err(ShellReason::ShellVariable("IFS".to_owned()));
                }
                for byte in value.as_bytes() {
                    match byte {
                        b'*' | b'?' | b'[' | b'\\' => return Err(ShellReason::Pattern(expansion.name.clone())),
                        b' ' | b'\t' | b'\n' => fields.extend(field.take().map(OsString::from_vec)),
                        _ => field.get_or_insert_default().push(*byte),
                    }
                }
            }
            _ => field.get_or_insert_default().extend_from_slice(value.as_bytes()),
        }
    }
    fields.extend(field.map(OsString::from_vec));
    Ok(())
}

/// Expands the value of an assignment, which is not subject to field splitting.
fn whole<'a>(word: &'a Word, lookup: &impl Fn(&str) -> Option<&'a OsStr>) -> Result<OsString, ShellReason> {
    let mut whole = OsString::new();
    for part in word {
        whole.push(value(part, lookup)?);
    }
    Ok(whole)
}

fn value<'a>(part: &'a Part, lookup: &impl Fn(&str) -> Option<&'a OsStr>) -> Result<&'a OsStr, ShellReason> {
    let Expansion { name, default, default_for_empty, .. } = match part {
        Part::Text(text) => return Ok(OsStr::new(text)),
        Part::Expansion(expansion) => &**expansion,
    };
    match lookup(name) {
        Some(value) if !(value.is_empty() && *default_for_empty) => Ok(value),
        None if SET_BY_SHELL.contains(&name.as_str()) => Err(ShellReason::ShellVariable(name.clone())),
        _ => Ok(OsStr::new(default)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::classify::Command;

    const VARIABLES: &[(&str, &str)] = &[
        ("A", "a"),
        ("E", ""),
        ("S", " x  y "),
        ("Q", "it's \"q\" $A `b`; c"),
        ("P", "*.c"),
        ("CD", "cd"),
        ("D", "A=1"),
    ];

    fn expand(line: &str) -> Result<Expanded, ShellReason> {
        let Ok(Command::Simple(simple)) = Command::read(line) else { panic!("not simple: {line}") };
        super::expand(&simple, |wanted| {
            VARIABLES.iter().find(|(name, _)| *name == wanted).map(|(_, value)| OsStr::new(value))
        })
    }

    #[track_caller]
    fn gives(line: &str, words: &[&str]) {
        assert_eq!(expand(line).unwrap().words, words, "{line}");
    }

    #[test]
    fn words_quotes_and_backslashes_stand_for_themselves() {
        gives("bin/rails s -p 3000", &["bin/rails", "s", "-p", "3000"]);
        gives(
            r#"a  'b  c' "d;e" f\ g "h'i" 'j"k' l=m '$A' \$A "\$A""#,
            &["a", "b  c", "d;e", "f g", "h'i", "j\"k", "l=m", "$A", "$A", "$A"],
        );
        gives(r#"x "" '' "a\"b\\c\d""#, &["x", "", "", r#"a"b\c\d"#]);
        gives("x 100% a@b a,b a:b +x -y /z", &["x", "100%", "a@b", "a,b", "a:b", "+x", "-y", "/z"]);
    }

    #[test]
    fn a_variable_is_replaced_by_its_value() {
        gives("x $A ${A} $A-b ${A}b b$A/c", &["x", "a", "a", "a-b", "ab", "ba/c"]);
        gives("x $Q", &["x", "it's", "\"q\"", "$A", "`b`;", "c"]);
        gives("$A b", &["a", "b"]);
    }

    #[test]
    fn an_unset_variable_is_replaced_by_its_default() {
        gives("x ${U-1} ${E-1} ${A-1}", &["x", "1", "a"]);
        gives("x ${U:-1} ${E:-1} ${A:-1}", &["x", "1", "1", "a"]);
        gives("x ${U:--a -b} \"${U:--a -b}\" ${U:-}", &["x", "-a", "-b", "-a -b"]);
    }

    #[test]
    fn an_unquoted_value_is_split_and_an_empty_value_is_no_word() {
        gives("x $S $E $U", &["x", "x", "y"]);
        gives("x a$S\"b\"", &["x", "a", "x", "y", "b"]);
        gives("x $E$A$E", &["x", "a"]);
    }

    #[test]
    fn a_quoted_value_is_always_one_word() {
        gives("x \"$S\" \"$E\" \"$U\" \"a$S\"", &["x", " x  y ", "", "", "a x  y "]);
        gives("x \"$P\" $E\"\" ''$E", &["x", "*.c", "", ""]);
    }

    #[test]
    fn assignments_are_set_for_the_program_and_never_split() {
        let expanded = expand("B=1 C=$S D='x y'$E B=2 x").unwrap();
        let pairs = [("C", " x  y "), ("D", "x y"), ("B", "2")];
        assert_eq!(expanded.variables, pairs.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(expanded.words, ["x"]);
    }

    #[test]
    fn a_cd_is_made_if_its_operand_is_one_plain_word() {
        let directory = |line| expand(line).unwrap().directory.unwrap();
        assert_eq!(directory("cd a/$A && x"), "a/a");
        assert_eq!(directory("cd \"$S\"; exec echo"), " x  y ");
        let cd = Err(ShellReason::Word("cd".to_owned()));
        for line in ["cd $E && x", "cd $S && x", "cd -P && x", "cd '' && x", "cd a/../b && x", "cd //a && x"] {
            assert_eq!(expand(line), cd, "{line}");
        }
    }

    #[test]
    fn a_cd_needs_sh_if_shells_find_another_directory() {
        let Ok(Command::Simple(simple)) = Command::read("cd a && x") else { panic!() };
        for (variable, value, is_direct) in
            [("PWD", "/a", true), ("PWD", "/a/", false), ("PWD", "a", false), ("CDPATH", "", false)]
        {
            let lookup = |wanted: &str| (wanted == variable).then_some(OsStr::new(value));
            assert_eq!(super::expand(&simple, lookup).is_ok(), is_direct, "{variable}={value}");
        }
    }

    #[test]
    fn after_exec_every_word_is_a_program() {
        gives("exec echo A=1", &["echo", "A=1"]);
        gives("exec $CD x", &["cd", "x"]);
        gives("B=1 exec exec A=1", &["exec", "A=1"]);
        gives("cd a; exec $A", &["a"]);
    }

    #[test]
    fn values_that_only_sh_can_deal_with_need_it() {
        let shell_variable = |name: &str| Err(ShellReason::ShellVariable(name.to_owned()));
        assert_eq!(expand("x $P"), Err(ShellReason::Pattern("P".to_owned())));
        assert_eq!(expand("$CD x"), Err(ShellReason::Word("cd".to_owned())));
        assert_eq!(expand("$E cd x"), Err(ShellReason::Word("cd".to_owned())));
        assert_eq!(expand("$D x"), Err(ShellReason::Character('=')));
        assert_eq!(expand("$E"), Err(ShellReason::NoProgram));
        assert_eq!(expand("x $HOSTNAME"), shell_variable("HOSTNAME"));
        let Ok(Command::Simple(simple)) = Command::read("x $A") else { panic!() };
        assert_eq!(super::expand(&simple, |_| Some(OsStr::new("a"))), shell_variable("IFS"));
    }
}

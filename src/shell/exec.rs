//! Inserts `exec` before the last program of a line, for shells that never execute it in their own place (dash).
//!
//! Only lines of an exact grammar are changed: `simple ((&& | || | ;) simple)* [;] [# comment]`, whose last command is a
//! program that is named literally. Every other line stays as it is, because `exec` would change its meaning.

use super::builtins::is_shell_word;
use super::parse::{split_assignment, split_variable_name};

/// Built-in utilities before the last command that change neither what `exec` does nor which program it finds.
const HARMLESS: &[&str] =
    &[":", "[", "cd", "chdir", "echo", "exit", "kill", "printf", "pwd", "test", "type", "ulimit", "umask"];

/// Built-in utilities that change variables.
const OF_VARIABLES: &[&str] = &["export", "readonly", "unset"];

/// Returns the line with `exec` before its last program, if that changes only which process runs the program.
pub(super) fn with_exec(line: &str) -> Option<String> {
    if line.contains('\n') {
        return None;
    }
    let commands = Scanner { line, position: 0 }.commands()?;
    let (last, earlier) = commands.split_last()?;
    if !earlier.iter().all(Command::is_harmless) {
        return None;
    }
    let program = last.words.first().filter(|program| is_program(program))?;
    let (before, after) = line.split_at(program.as_ptr() as usize - line.as_ptr() as usize);
    last.has_harmless_assignments().then(|| format!("{before}exec {after}"))
}

/// Whether a word is the literal name of a program, in every shell.
fn is_program(word: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._+-".contains(character);
    word.chars().all(is_plain) && !word.starts_with('-') && !is_shell_word(word) && !matches!(word, "true" | "false")
}

/// A simple command, as it is written.
#[derive(Default)]
struct Command<'a> {
    assignments: Vec<&'a str>,
    words: Vec<&'a str>,
    is_redirected: bool,
}

impl Command<'_> {
    fn is_empty(&self) -> bool {
        self.assignments.is_empty() && self.words.is_empty() && !self.is_redirected
    }

    fn has_harmless_assignments(&self) -> bool {
        // The shell has looked up programs with the earlier PATH.
        !self.assignments.contains(&"PATH")
    }

    /// Whether a command before the last one leaves the meaning of `exec` as it is.
    fn is_harmless(&self) -> bool {
        let Some((program, arguments)) = self.words.split_first() else {
            return !self.is_redirected && self.has_harmless_assignments();
        };
        let is_option_of_set = |word: &&str| word.strip_prefix('-').is_some_and(|flags| flags.chars().all(is_set_flag));
        let names_no_path = |word: &&str| {
            split_variable_name(word)
                .is_some_and(|(name, rest)| name != "PATH" && (rest.is_empty() || rest.starts_with('=')))
        };
        let is_harmless = match *program {
            "set" => !arguments.is_empty() && arguments.iter().all(|word| word.len() > 1 && is_option_of_set(word)),
            "true" | "false" => true,
            program if OF_VARIABLES.contains(&program) => arguments.iter().all(names_no_path),
            program => HARMLESS.contains(&program) || is_program(program),
        };
        is_harmless && !self.is_redirected && self.has_harmless_assignments()
    }
}

/// Whether this flag of `set` concerns only errors, the trace and patterns.
fn is_set_flag(flag: char) -> bool {
    matches!(flag, 'e' | 'u' | 'x' | 'f')
}

/// Splits a line into simple commands. Each function returns `None` for what the grammar does not contain.
struct Scanner<'a> {
    line: &'a str,
    position: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.line[self.position..]
    }

    fn take(&mut self, text: &str) -> bool {
        let has = self.rest().starts_with(text);
        self.position += if has { text.len() } else { 0 };
        has
    }

    fn skip_blanks(&mut self) {
        self.position += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn commands(mut self) -> Option<Vec<Command<'a>>> {
        let mut commands = vec![Command::default()];
        let mut ends_with_semicolon = false;
        loop {
            self.skip_blanks();
            let command = commands.last_mut()?;
            if self.rest().is_empty() || self.rest().starts_with('#') {
                break;
            }
            let is_semicolon = self.take(";");
            if is_semicolon || self.take("&&") || self.take("||") {
                if command.is_empty() {
                    return None;
                }
                ends_with_semicolon = is_semicolon;
                commands.push(Command::default());
            } else if self.take("<") || self.take(">") {
                self.redirection()?;
                command.is_redirected = true;
            } else {
                let word = self.word()?;
                let is_descriptor = word.bytes().all(|byte| byte.is_ascii_digit());
                if is_descriptor && self.rest().starts_with(['<', '>']) {
                    continue;
                }
                match split_assignment(word).filter(|_| command.words.is_empty()) {
                    Some(name) => command.assignments.push(name),
                    None => command.words.push(word),
                }
            }
        }
        if commands.last()?.is_empty() && ends_with_semicolon {
            commands.pop();
        }
        commands.iter().all(|command| !command.is_empty()).then_some(commands)
    }

    /// The rest of a redirection after `<` or `>`.
    fn redirection(&mut self) -> Option<()> {
        let is_input = self.line[..self.position].ends_with('<');
        if is_input && self.rest().starts_with('<') {
            return None;
        }
        let _ = self.take("&") || self.take(">") || (!is_input && self.take("|"));
        self.skip_blanks();
        (!self.word()?.is_empty()).then_some(())
    }

    /// A word as it is written. Empty if an operator follows.
    fn word(&mut self) -> Option<&'a str> {
        let start = self.position;
        while let Some(character) = self.rest().chars().next() {
            match character {
                ' ' | '\t' | ';' | '&' | '|' | '<' | '>' => break,
                '(' | ')' | '{' | '}' | '!' | '`' => return None,
                '\'' => self.single_quoted()?,
                '"' => self.double_quoted()?,
                '$' => self.expansion()?,
                '\\' => self.escaped()?,
                _ => self.position += character.len_utf8(),
            }
        }
        let word = &self.line[start..self.position];
        let is_operator = word.is_empty() && self.rest().starts_with(['&', '|']);
        (!is_operator).then_some(word)
    }

    fn single_quoted(&mut self) -> Option<()> {
        let length = self.rest()[1..].find('\'')?;
        self.position += length + 2;
        Some(())
    }

    fn double_quoted(&mut self) -> Option<()> {
        self.position += 1;
        loop {
            match self.rest().chars().next()? {
                '"' => break,
                '`' => return None,
                '$' => self.expansion()?,
                '\\' => self.escaped()?,
                character => self.position += character.len_utf8(),
            }
        }
        self.position += 1;
        Some(())
    }

    fn escaped(&mut self) -> Option<()> {
        let escaped = self.rest()[1..].chars().next()?;
        self.position += 1 + escaped.len_utf8();
        Some(())
    }

    /// The `$` of an expansion, or `${…}` without quotes and expansions inside.
    fn expansion(&mut self) -> Option<()> {
        self.position += 1;
        if self.take("{") {
            let end = self.rest().find('}')?;
            let is_plain = !self.rest()[..end].contains(['\'', '"', '\\', '$', '`', '{']);
            self.position += end + 1;
            return is_plain.then_some(());
        }
        (!self.rest().starts_with(['(', '\'', '"'])).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exec_is_inserted_before_the_last_program() {
        for line in [
            "a && @b",
            "a || @b c",
            "a;@b;",
            "a; @b ; # c; d",
            "@b 2>&1",
            "@b >'a b' <c 2>>d 3<&- >|e",
            "A=1 B=\"$C d\" @b",
            "A=1 >x @b",
            "2>x @b",
            "cd a && export A=1 B; umask 027; @b",
            "set -eu; set -x -f; @b",
            "[ -f \"$A\" ] || touch x; A=; @./b.sh $A \"$B;\" ${C:-d} *.e ~/f $? $$",
            "A=1; test 1 = 1 && true && @b a=1 -c \\; 'e;'",
            "echo \"a;b\" '&&' && @b",
            "a 'é' é; @b",
        ] {
            assert_eq!(with_exec(&line.replace('@', "")).unwrap(), line.replace('@', "exec "));
        }
    }

    #[test]
    fn a_line_outside_of_the_grammar_stays_as_it_is() {
        for line in [
            "",
            "# a",
            "a; b\n",
            "a # b\nc",
            "a '\n'; b",
            "a | b",
            "a & b",
            "a && b &",
            "a &> b",
            "a && ! b",
            "(a); b",
            "{ a; }",
            "a << b",
            "a; b $(c)",
            "a; b `c`",
            "a; b \"`c`\"",
            "a; $CMD",
            "$CMD; b",
            "a; 'b'",
            "a; b*",
            "a;; b",
            "; a",
            "a && && b",
            "a &&",
            "a ||",
            "a; A=1",
            "a; >b",
            "a; -b",
            "a; echo b",
            "a; true",
            "a; exec b",
            "if a; then b; fi",
            "a > x && b",
            ">x; b",
            "a; b >",
            "a; b 'c",
            "a; b \"c",
            "a; b \\",
            "a; b ${C",
            "a; b ${C:-'d'}",
            "a; b $'c'",
            ". ./a; b",
            "source a; b",
            "eval a; b",
            "trap a EXIT; b",
            "alias b=a; b",
            "exec >x; b",
            "wait; b",
            "command eval a; b",
            "read A; b",
            "set -m; b",
            "set -- a; b",
            "set -; b",
            "set; b",
            "set +e; b",
            "PATH=x; b",
            "PATH=x b",
            "PATH=x a; b",
            "export PATH=x; b",
            "export $A; b",
            "export \"PATH=x\"; b",
            "unset PATH; b",
            "readonly -p; b",
            "a() { b; }; c",
        ] {
            assert_eq!(with_exec(line), None, "{line}");
        }
    }
}

//! The variables that a command line uses, for a warning about those that are not set.

use super::builtins::is_shell_variable;
use super::expand::SET_BY_SHELL;
use super::parse::split_variable_name;

/// The variables that a line expands as `$NAME` or `${NAME}`, each once, without those that it may set itself and those
/// that a shell sets. Not a parser: a line for a shell can set variables in more ways than this knows.
#[must_use]
pub fn used_variables(line: &str) -> Vec<&str> {
    let is_separator = |character: char| character.is_whitespace() || ";&|(){}".contains(character);
    if line.split(is_separator).any(|word| matches!(word, "." | "source" | "eval")) {
        return Vec::new();
    }
    let (mut used, mut others) = (Vec::new(), Vec::new());
    let (mut is_single_quoted, mut is_double_quoted) = (false, false);
    let mut rest = line;
    while let Some(character) = rest.chars().next() {
        let (from_here, after) = (rest, &rest[character.len_utf8()..]);
        rest = after;
        match character {
            '\'' if !is_double_quoted => is_single_quoted = !is_single_quoted,
            _ if is_single_quoted => {}
            '"' => is_double_quoted = !is_double_quoted,
            '\\' => rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default(),
            '$' => {
                let braced = after.strip_prefix('{');
                let Some((name, after_name)) = split_variable_name(braced.unwrap_or(after)) else { continue };
                let is_plain = braced.is_none() || after_name.starts_with('}');
                if is_plain && !used.contains(&name) {
                    used.push(name);
                } else if !is_plain {
                    // `${NAME:-word}` has a default, `${NAME:=word}` sets it, `${NAME:?}` reports it.
                    others.push(name);
                }
                rest = after_name;
            }
            _ => {
                // A name by itself may be that of an assignment, of `read` or of `for`.
                if let Some((name, after_name)) = split_variable_name(from_here) {
                    others.push(name);
                    rest = after_name;
                }
            }
        }
    }
    used.retain(|name| !others.contains(name) && !is_shell_variable(name) && !SET_BY_SHELL.contains(name));
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_expansions_outside_single_quotes_are_found() {
        for (line, used) in [
            ("puma -p $PORT", &["PORT"][..]),
            ("puma -p \"${PORT}\" -b $HOST:$PORT", &["PORT", "HOST"]),
            ("cd x && puma -p $PORT | tee \"it's $LOG\"", &["PORT", "LOG"]),
            ("echo '$A' \\$B \"\\$C\" $1 $? $$ ${A:-1} ${B-} ${C:?no} $(d)", &[]),
            ("echo \"'$A'\"", &["A"]),
            ("echo $HOME $PWD $RANDOM", &[]),
        ] {
            assert_eq!(used_variables(line), used, "{line}");
        }
    }

    #[test]
    fn variables_that_the_line_may_set_are_left_out() {
        for line in [
            "PORT=1; puma -p $PORT",
            "for A in 1 2; do echo $A; done",
            "read A && echo $A",
            ". ./env; puma -p $PORT",
            "eval x; echo $A",
            "echo ${A:=1} $A",
        ] {
            assert_eq!(used_variables(line), [""; 0], "{line}");
        }
    }
}

//! The reserved words, built-in utilities, special characters and variables of shells.

use super::ShellReason;

/// Characters that are special outside quotes in sh or in any other common shell.
pub(crate) const SPECIAL: &[char] =
    &[';', '&', '|', '<', '>', '(', ')', '{', '}', '*', '?', '[', ']', '~', '#', '!', '`', '\n', '^'];

/// Reserved words and built-in utilities of sh, dash and bash. A program of the same name may not exist or may behave
/// differently (`echo 'a\nb'`). `true` and `false` are omitted because the programs behave the same.
const SHELL_WORDS: &str = "
    . : [ alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc declare dirs
    disown do done echo elif else enable esac eval exec exit export fc fg fi for function getopts hash help history if in
    jobs kill let local logout mapfile popd print printf pushd pwd read readarray readonly return select set shift shopt
    source suspend test then time times trap type typeset ulimit umask unalias unset until wait whence while";

/// Variables that some shells set themselves or do not take from the environment.
const SHELL_VARIABLES: &str = "
    DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS HISTCMD HOSTTYPE IFS LINENO MACHTYPE MAILCHECK OLDPWD OPTARG
    OPTERR OPTIND OSTYPE PIPESTATUS PPID PS1 PS2 PS4 PWD RANDOM SECONDS SHELLOPTS SHLVL SRANDOM UID _";

/// Returns the reason why sh would not execute a program of this name, if any. After `exec` every word is a program,
/// except an option of `exec`.
pub(crate) fn reason_against_program(word: &str, is_exec: bool) -> Option<ShellReason> {
    if is_exec {
        let is_program = !word.is_empty() && !word.starts_with('-');
        return (!is_program).then(|| ShellReason::Word("exec".to_owned()));
    }
    if word.contains('=') {
        return Some(ShellReason::Character('='));
    }
    // To bash it is the name of a job.
    if word.starts_with('%') {
        return Some(ShellReason::Character('%'));
    }
    is_shell_word(word).then(|| ShellReason::Word(word.to_owned()))
}

/// Whether this is a reserved word or a built-in utility.
pub(crate) fn is_shell_word(word: &str) -> bool {
    SHELL_WORDS.split_ascii_whitespace().any(|shell_word| shell_word == word)
}

/// Whether some shells set this variable themselves.
pub(crate) fn is_shell_variable(name: &str) -> bool {
    let own = SHELL_VARIABLES.split_ascii_whitespace().any(|variable| variable == name);
    own || name.starts_with("BASH") || name.starts_with("COMP_")
}

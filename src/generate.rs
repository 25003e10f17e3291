//! The man page and the completions, made from the definition of the command line.

use std::io::{self, Write};

use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use crate::cli::{Page, definition};

/// When the pages were last changed.
const DATE: &str = "2026-11-24";

/// Ways to call untrap: the words in bold, and what follows them.
const SYNOPSIS: &[(&str, &str)] = &[
    ("untrap", "[OPTIONS] COMMAND..."),
    ("untrap", "[OPTIONS] -- PROGRAM [ARG]..."),
    ("untrap", "[OPTIONS] -f PROCFILE [TYPE[=N]]..."),
    ("untrap", "[OPTIONS]"),
    ("untrap --generate", "man|bash|zsh|fish"),
];

/// Sections of prose that no option holds: a title and its paragraphs.
const SECTIONS: &[(&str, &[&str])] = &[
    (
        "COMMANDS",
        &[
            "A COMMAND is one argument, read as a line of a Procfile is: a name, a colon and the command. The name may be \
             missing; the entry is then called after its program.",
            "Plain words, quotes and backslashes are executed directly, without a shell. A line with anything else that \
             is special to sh goes to '/bin/sh -c' unchanged. After '--' nothing is special: the words are a program and \
             its arguments.",
            "A Procfile has one process type a line: NAME: COMMAND, where NAME is made of letters, digits, '_' and '-'. \
             Blank lines and lines that begin with '#' are skipped. Anything else is an error. With -f the words are \
             process types, each with the number of instances to run; without words every type runs once. Without -f \
             and without words the Procfile is ./Procfile.",
            "One entry alone keeps standard input; several have /dev/null there.",
        ],
    ),
    (
        "SIGNALS",
        &[
            "SIGTERM, SIGINT, SIGQUIT and SIGRTMIN+3 begin the stop: every entry is sent its stop signal, then SIGCONT; \
             at the timeout, SIGKILL goes to its whole process group. A second SIGINT kills at once. Every other signal \
             that can be caught is forwarded to every entry.",
            "A signal goes to the entry's first process alone, as programs with workers of their own want it; but to its \
             whole process group if that process is a shell, because a shell passes nothing on. What is left in a group \
             when its first process ends is told too.",
            "Processes that left their group (daemons) are sent SIGTERM when all entries have ended, and SIGKILL at the \
             timeout. untrap reaps every orphan, as PID 1 and elsewhere, and ends as soon as nothing is left.",
        ],
    ),
    (
        "OUTPUT",
        &[
            "With --output raw entries write to untrap's own standard output and standard error, and untrap is not in the \
             way. With prefix each line begins with the entry's name, padded and, on a terminal, coloured (NO_COLOR and \
             CLICOLOR_FORCE are obeyed); --timestamps adds the time. With json each line is an object with time, name, pid, \
             stream and message. untrap's own messages have the same form and the name untrap.",
            "Lines are written whole and in order, standard output and standard error apart. Their bytes are not changed; \
             json has U+FFFD where a message is not UTF-8, and then all its bytes in base64. A line longer than 64 KiB \
             comes in pieces: each but the last has '+' instead of '|' after the name, or partial: true. The last line \
             needs no newline.",
            "A reader that reads slowly slows the entries down; one that goes away does not. What an entry wrote before \
             its end is written before untrap ends. A reader that takes nothing more is waited for until the timeout; one \
             that reads on after the entries have ended by themselves is waited for longer. SIGINT ends the waiting. How \
             many lines were lost is the last message.",
        ],
    ),
    (
        "EXIT STATUS",
        &[
            "That of the entry whose end began the stop; else that of the first entry to end badly; else 0. An entry that \
             was ended by signal N counts as 128 + N. Then --exit-map is applied.",
            "2: wrong use, nothing was started. 125: untrap itself failed. 126: a program can't be executed. 127: a \
             program was not found.",
        ],
    ),
    (
        "ENVIRONMENT",
        &["Each option can be set by the variable UNTRAP_ and its long name, in capitals and with '_' for '-': \
             UNTRAP_TIMEOUT=8s,db=1m. Commas separate the values of an option that can repeat. The command line wins. \
             Entries don't inherit these variables."],
    ),
];

/// Commands to copy, and what they do.
const EXAMPLES: &[(&str, &str)] = &[
    ("untrap 'web: puma -p 3000' sidekiq", "Two commands; when one ends, the other is stopped."),
    ("untrap -f Procfile web=2 worker", "Two instances of web and one of worker."),
    ("untrap -s nginx=QUIT -t 20s nginx php-fpm", "nginx ends gracefully on QUIT; both have 20 seconds."),
    (
        "untrap --on-exit migrate=stop-on-failure 'migrate: ./migrate' 'web: ./web'",
        "web goes on after a good migration.",
    ),
    ("untrap --exit-map 143=0 -- redis-server", "One program, whose end by SIGTERM is a success."),
];

/// The text of a page.
#[must_use]
pub fn text(page: Page) -> Vec<u8> {
    let mut text = Vec::new();
    let shell = match page {
        Page::Man => {
            write_man(&mut text).expect("memory can be written");
            return text;
        }
        Page::Bash => Shell::Bash,
        Page::Zsh => Shell::Zsh,
        Page::Fish => Shell::Fish,
    };
    // It panics where it can't write, so it writes to memory.
    clap_complete::generate(shell, &mut definition(), "untrap", &mut text);
    text
}

fn write_man(out: &mut impl Write) -> io::Result<()> {
    let man = Man::new(definition()).date(DATE).manual("User Commands");
    man.render_title(out)?;
    man.render_name_section(out)?;
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    for (index, (name, rest)) in SYNOPSIS.iter().enumerate() {
        if index > 0 {
            synopsis.control("br", []);
        }
        synopsis.text([bold(*name), roman(" "), italic(*rest)]);
    }
    synopsis.to_writer(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    let mut rest = Roff::new();
    for (title, paragraphs) in SECTIONS {
        rest.control("SH", [*title]);
        for (index, paragraph) in paragraphs.iter().enumerate() {
            if index > 0 {
                rest.control("PP", []);
            }
            rest.text([roman(*paragraph)]);
        }
    }
    rest.control("SH", ["EXAMPLES"]);
    for (command, meaning) in EXAMPLES {
        rest.control("TP", []).text([bold(*command)]).text([roman(*meaning)]);
    }
    rest.control("SH", ["SEE ALSO"]).text([roman("tini(1), dumb-init(1), signal(7), credentials(7)")]);
    rest.to_writer(out)
}

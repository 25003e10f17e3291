//! The man page.

use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use untrap::cli::options::definition;

/// No line of the page's source is longer, as is the custom.
const WIDTH: usize = 80;

/// When the pages were last changed.
const DATE: &str = "2026-11-24";

/// Ways to call untrap: the words in bold, and what follows them.
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

/// Sections of prose that no option holds: a title and its paragraphs.
const SECTIONS: &[(&str, &[&str])] = &[
    (
        "COMMANDS",
        &[
            "A COMMAND is one argument, read as a line of a Procfile is: a name, a colon and the command. The name may be \
             missing; the service is then called after its program.",
            "Words, quotes, backslashes, assignments before the program (A=1 web) and the expansions $NAME, ${NAME}, \
             ${NAME:-word} and ${NAME-word} are read by untrap as POSIX has it, and the program is executed directly, \
             without a shell. A line with anything else that is special to sh goes to the shell unchanged, with -c; so \
             does one whose program is built into shells, such as cd or echo, one that assigns and expands the same \
             variable, and one with an unquoted expansion whose value holds a character of a pattern. 'untrap check' \
             says which. After '--' nothing is special: the words are a program and its arguments.",
            "A Procfile has one process type a line: NAME: COMMAND, where NAME is made of letters, digits, '_' and '-'. \
             Blank lines and lines that begin with '#' are skipped. Anything else is an error. With -f the words are \
             process types, each with the number of instances to run: web=2 worker. all=1 stands for every type that is \
             not named. Without words every type runs once. 'release', which platforms run apart, runs only where it is \
             named. Without -f and without words the Procfile is ./Procfile.",
            "'untrap check', followed by what would follow untrap, prints the services that would run, how each is \
             executed and why, its options and the names of the variables that are set for it, and runs nothing. Of a \
             Procfile that can't be used it prints every error, with the line. It ends with 0 or 2. A command whose own \
             name is check is written 'check: check' or ./check.",
            "One service alone keeps standard input; several have /dev/null there.",
        ],
    ),
    (
        "SIGNALS",
        &[
            "SIGTERM, SIGINT, SIGQUIT and SIGRTMIN+3 begin the stop: every service is sent its stop signal, then SIGCONT; \
             at the timeout, SIGKILL goes to its whole process group. A second SIGINT kills at once. Every other signal \
             that can be caught is forwarded to every service.",
            "A signal goes to the service's first process alone, as programs with workers of their own want it; but to its \
             whole process group if that process is a shell, because a shell passes nothing on. What is left in a group \
             when its first process ends is told too.",
            "Processes that left their group (daemons) are sent SIGTERM when all services have ended, and SIGKILL at the \
             timeout. untrap reaps every orphan, as PID 1 and elsewhere, and ends as soon as nothing is left.",
        ],
    ),
    (
        "OUTPUT",
        &[
            "With --output raw services write to untrap's own standard output and standard error, and untrap is not in the \
             way. With prefix each line begins with the service's name, padded and, on a terminal, coloured (NO_COLOR and \
             CLICOLOR_FORCE are obeyed); --timestamps adds the time. With json each line is an object with time, name, pid, \
             stream and message. untrap's own messages have the same form and the name untrap.",
            "Lines are written whole and in order, standard output and standard error apart. Their bytes are not changed; \
             json has U+FFFD where a message is not UTF-8, and then all its bytes in base64. A line longer than 64 KiB \
             comes in pieces: each but the last has '+' instead of '|' after the name, or partial: true. The last line \
             needs no newline.",
            "A reader that reads slowly slows the services down; one that goes away does not. What a service wrote before \
             its end is written before untrap ends. A reader that takes nothing more is waited for until the timeout; one \
             that reads on after the services have ended by themselves is waited for longer. SIGINT ends the waiting. How \
             many lines were lost is the last message.",
        ],
    ),
    (
        "START AND END",
        &[
            "The start goes in this order: each --wait-for, one after the other; each --before command, to its end; the \
             services as they are listed, each of them after the --ready target of the one before is there. A probe of a \
             target is repeated after 100 ms, may take 5 s, and is repeated for the --wait-timeout. tcp:// and unix:// \
             want a connection, file:// a file, exec: a command that ends with 0. A service that ends before it is ready \
             has ended as --on-exit says, and is not waited for.",
            "--on-exit restart starts a service again when it has ended and its group is empty (who is left of it is sent \
             the stop signal, and killed at the timeout). The wait before a restart doubles from 100 ms to 30 s, plus up \
             to a quarter by chance, and begins anew after 60 s of running. A bad end that led to a restart does not count \
             for the exit status.",
            "In a --stop-order other than at-once the timeout is for the whole stop: whoever still runs then is killed, \
             told or not. A --stop-command that fails is followed by the stop signal. --after commands run one after the \
             other when nothing else is left, if anything was started, each with the timeout for itself; a failing one \
             changes an exit status of 0 only. They see UNTRAP_EXIT_CODE, and UNTRAP_SIGNAL (TERM) if a signal began the \
             stop.",
            "--before, --after, --stop-command and exec: run as untrap's own user, in the background, with standard input \
             from /dev/null. --user is for services: it sets the user, its group and its supplementary groups from \
             /etc/passwd and /etc/group (only GROUP where one is given), and HOME, USER and LOGNAME. Numbers need neither \
             file; a number without a line there is its own group too.",
        ],
    ),
    (
        "PID DIRECTORY",
        &[
            "With --pid-dir, untrap creates the directory if it is missing (mode 0755) and keeps one file for each service \
             there, NAME.pid, for as long as anybody is left in the service's process group, and untrap.pid for itself. \
             Each is written under another name and renamed, so that nobody reads a half. All are gone at the end.",
            "The first line of a file is the PID. Lines KEY=VALUE follow: start-ticks, when the process started in clock \
             ticks after boot (field 22 of /proc/PID/stat), by which it is told from a later one with the same PID; \
             restarts, how often the service was started again; and in untrap.pid services, the names of all of them.",
            "A directory that can't be created or written is an error before anything is started, and so is one that \
             another untrap uses. What an untrap that was killed has left there is replaced; a file of a process that \
             still lives is an error. A file that can't be written later is a warning. With a pid directory no \
             service can be called 'untrap'. It is best on a tmpfs.",
        ],
    ),
    (
        "PS AND SIGNAL",
        &[
            "'untrap ps' shows what the untrap with the same pid directory runs: name, PID, state (running, stopped, \
             ending: processes of its group are left, not running), time since its start, number of restarts, and, for \
             its whole process group, the number of processes, the CPU time (with that of children that have ended), \
             and the resident memory; then the command with its arguments, cut where a terminal's line ends. With \
             --json it is an array of objects with the keys name, state, pid, uptime_seconds, restarts, processes, \
             cpu_seconds, memory_bytes and command; where a service is not running, all but the first two are null.",
            "'untrap signal' sends a signal to the process groups of the services that are named by their own names or by \
             their process types, or of all services. A signal that would begin the stop if untrap received it is nothing \
             but a signal here. A process that has got the PID of one that has ended is never signalled.",
            "Both read the pid directory, which UNTRAP_PID_DIR names if it is set in the image ('docker exec app untrap \
             ps'), and /proc. Their exit status is 0; 1 if no untrap or no such service runs, or the system doesn't allow it; \
             2 for wrong use. As the first word, 'ps' and 'signal' are no commands: write './ps', 'ps: ps' or '-- ps' to \
             run such a program, and '-f Procfile ps' to run such a process type.",
        ],
    ),
    (
        "MESSAGES",
        &[
            "Each message is one line on standard error that begins with 'untrap: '. It is written without waiting: where \
             nobody reads, messages are lost, and the next one that is not tells how many.",
            "With --log-format json each is a JSON object with the keys time (RFC 3339, UTC), level (error, which -q \
             leaves; info; debug, which -v adds), event, message (the text), and where it is about a service or a process, \
             name and pid. Events are started, start-failed, signal (received), delaying, ended, restarting, killed, \
             gave-up, waiting, ready, waited-in-vain, stop-command-failed, leftovers, leftover, orphan, not-signalled, \
             pid-file, output-lost, trouble, exit, and failure, after which untrap runs nothing.",
        ],
    ),
    (
        "EXIT STATUS",
        &[
            "That of the service whose end began the stop; else that of the first service to end badly; else 0. A service that \
             was ended by signal N counts as 128 + N. Then --exit-map is applied.",
            "2: wrong use, nothing was started. 124: what was waited for was not there in time. 125: untrap itself failed. \
             126: a program can't be executed. 127: a program was not found.",
        ],
    ),
];

/// Of the environment, before the variables themselves.
const ENVIRONMENT: &[&str] = &[
    "Each option can be set by a variable: UNTRAP_TIMEOUT=8s,db=1m. Commas separate the values of an option that can \
     repeat. The command line wins. Services don't inherit these variables, and in an env file they set nothing.",
    "Every service has UNTRAP_NAME and PS set to its name (web.1), DYNO too unless it is set, and with --port PORT. \
     Assignments of its command come over them, and they over the environment of untrap, which comes over env files.",
    "These are the variables of options, and others that untrap reads or sets:",
];

/// Variables that belong to no option.
const OTHER_VARIABLES: &[(&str, &str)] = &[
    ("NO_COLOR", "If it is not empty, names are not coloured."),
    ("CLICOLOR_FORCE", "If it is set and not 0, names are coloured where no terminal is, too."),
    ("UNTRAP_NAME", "For services and --stop-command: the service's name."),
    ("UNTRAP_PID", "For --stop-command: the PID of the service's first process."),
    ("UNTRAP_EXIT_CODE", "For --after: the exit status so far."),
    ("UNTRAP_SIGNAL", "For --after: the signal that began the stop, if one did, as TERM."),
];

/// Files that are read or written, and what for.
const FILES: &[(&str, &str)] = &[
    ("Procfile", "Read where neither -f nor a command is given."),
    ("DIR/NAME.pid, DIR/untrap.pid", "With --pid-dir, see PID DIRECTORY."),
    ("/etc/passwd, /etc/group", "Read for --user."),
    ("/proc", "Read to find leftovers, and by 'untrap ps' and 'untrap signal'."),
    ("/bin/sh", "Runs the commands that need a shell, unless --shell says otherwise."),
];

/// Commands to copy, and what they do.
const EXAMPLES: &[(&str, &str)] = &[
    ("Two commands; when one ends, the other is stopped:", "untrap 'web: puma -p 3000' sidekiq"),
    ("Two instances of web and one of worker:", "untrap -f Procfile web=2 worker"),
    ("nginx ends gracefully on QUIT; both have 20 seconds:", "untrap -s nginx=QUIT -t 20s nginx php-fpm"),
    (
        "Once the database answers a migration, to its end; then the web server:",
        "untrap --wait-for tcp://db:5432 --before ./migrate ./web",
    ),
    ("A worker that is started again when it fails:", "untrap --on-exit worker=restart-on-failure ./web ./worker"),
    ("What would run, and how:", "untrap check -f Procfile all=1 web=2"),
    ("One program, whose end by SIGTERM is a success:", "untrap --exit-map 143=0 -- redis-server"),
    (
        "A signal to one service of an untrap that runs with a pid directory:",
        "untrap signal --pid-dir /run/app HUP web",
    ),
];

/// The man page, as roff.
pub(super) fn page() -> String {
    let definition = definition();
    let mut rest = Roff::new();
    synopsis(&mut rest);
    section(&mut rest, "DESCRIPTION", &[&definition.get_about().expect("it has one").to_string()]);
    options(&mut rest, &definition);
    for (title, paragraphs) in SECTIONS {
        section(&mut rest, title, paragraphs);
    }
    section(&mut rest, "ENVIRONMENT", ENVIRONMENT);
    variables(&mut rest, &definition);
    rest.control("SH", ["FILES"]);
    for (file, meaning) in FILES {
        rest.control("TP", []).text([italic(*file)]).text([roman(*meaning)]);
    }
    rest.control("SH", ["EXAMPLES"]);
    for (index, (meaning, command)) in EXAMPLES.iter().enumerate() {
        if index > 0 {
            rest.control("PP", []);
        }
        rest.text([roman(*meaning)]);
        rest.control("PP", []).control("RS", ["4"]).control("EX", []).text([bold(*command)]);
        rest.control("EE", []).control("RE", []);
    }
    rest.control("SH", ["SEE ALSO"]).text([roman("tini(1), dumb-init(1), signal(7), credentials(7)")]);

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

fn section(page: &mut Roff, title: &str, paragraphs: &[&str]) {
    page.control("SH", [title]);
    for (index, paragraph) in paragraphs.iter().enumerate() {
        if index > 0 {
            page.control("PP", []);
        }
        page.text([roman(*paragraph)]);
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

/// A table of the variables, and the option that each one sets.
fn variables(page: &mut Roff, definition: &Command) {
    page.control("PD", ["0"]);
    for argument in definition.get_arguments() {
        let Some(variable) = argument.get_env().map(|name| name.to_string_lossy().into_owned()) else { continue };
        let set = argument.get_long().map_or("TYPE[=N] beside a Procfile".to_owned(), |name| format!("--{name}"));
        page.control("TP", ["24"]).text([bold(variable)]).text([roman(set)]);
    }
    for (variable, meaning) in OTHER_VARIABLES {
        page.control("TP", ["24"]).text([bold(*variable)]).text([roman(*meaning)]);
    }
    page.control("PD", []);
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

//! Options that untrap does not have: what another tool calls them, or what is nearly their name.

use crate::cli::options::Argument;
use crate::cli::spelling::nearest;
use crate::cli::verbs::Verb;

/// Options of foreman, docker, tini, dumb-init, supervisord and timeout, and what to write instead.
const OTHERS: &[(&str, &str)] = &[
    ("-m", "write the numbers after the Procfile: untrap -f Procfile web=2"),
    ("--formation", "write the numbers after the Procfile: untrap -f Procfile web=2"),
    ("--concurrency", "write the numbers after the Procfile: untrap -f Procfile web=2"),
    ("-c", "each argument is a command, without -c: untrap 'COMMAND'"),
    ("-d", "untrap stays in the foreground, as an entrypoint must; for a directory write --cwd DIR"),
    ("-D", "untrap stays in the foreground, as an entrypoint must"),
    ("--detach", "untrap stays in the foreground, as an entrypoint must"),
    ("--daemon", "untrap stays in the foreground, as an entrypoint must"),
    ("-n", "untrap always stays in the foreground; leave it out"),
    ("--nodaemon", "untrap always stays in the foreground; leave it out"),
    ("--restart", "write --on-exit restart, or restart-on-failure"),
    ("-p", "write --port N"),
    ("--publish", "write --port N"),
    ("--env", "write --env-file FILE for a file, and 'NAME=value COMMAND' for one variable"),
    ("--root", "write --cwd DIR"),
    ("-w", "write --cwd DIR for a directory, and -v for more messages"),
    ("--workdir", "write --cwd DIR"),
    ("--chdir", "write --cwd DIR"),
    ("-g", "write --signal-to group"),
    ("--single-child", "write --signal-to leader"),
    ("--init", "untrap is the init; leave it out"),
    ("--name", "write the name before the command: untrap 'web: COMMAND'"),
    ("-u", "write --user USER"),
    ("-k", "write --timeout DURATION"),
    ("--kill-after", "write --timeout DURATION"),
    ("--stop-timeout", "write --timeout DURATION"),
    ("--grace", "write --timeout DURATION"),
    ("--signal", "write --stop-signal SIGNAL"),
    ("-it", "write it before the image: docker run -it IMAGE"),
    ("-i", "write it before the image: docker run -i IMAGE"),
    ("-l", "the licence is MIT or Apache-2.0; leave it out"),
];

/// Returns the answer to an argument that the verb does not take.
pub(in crate::cli) fn answer(verb: &Verb, argument: &str) -> String {
    let help = format!("see '{} --help'", verb.call());
    if !argument.starts_with('-') {
        let program = verb.name;
        return format!(
            "'{} {argument}': there is no such argument; to run a program named {program}, write 'untrap -- {program} \
             {argument}'; {help}",
            verb.call()
        );
    }
    let name = argument.split('=').next().unwrap_or_default();
    if let Some((_, advice)) = OTHERS.iter().find(|(other, _)| *other == name).filter(|_| verb.takes_commands()) {
        return format!("untrap has no option {name}; {advice}");
    }
    let options: Vec<String> = verb.arguments().filter(|entry| entry.is_option()).map(Argument::to_string).collect();
    match nearest(name, options.iter().map(String::as_str)).filter(|_| name.starts_with("--")) {
        Some(option) => format!("untrap has no option {name}; write {option}"),
        None => format!("untrap has no option {name}; {help}"),
    }
}

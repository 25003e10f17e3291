//! Parses command lines, one argument a line, into a plan or a one-line message. The output of `untrap check` for the
//! plan must parse into the same commands.

#![no_main]

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use libfuzzer_sys::fuzz_target;

use untrap::cli::{self, Request, Source};
use untrap::config::environment::NamedVariables;
use untrap::config::plan::Plan;
use untrap::runtime::launch::ExecContext;
use untrap::shell::classify::Command;
use untrap::cli::check;
use untrap::config::service::Service;
use untrap::sys::environment::Environment;

const PROCFILE: &[u8] = b"web: puma -p $PORT\nworker: sidekiq -C 'a b'\nrelease: rake db:migrate && echo done\n";

/// The maximum number of digits of a count. Larger counts are valid but slow.
const DIGITS: usize = 2;

/// Checks the output for a service. `lines` are its command, the way of execution, its options and its variables.
fn check_shown(service: &Service, lines: &[&str]) {
    let line = lines[0].strip_prefix(&format!("{}: ", service.name)).expect("the name comes first");
    if !matches!(*service.command, Command::Program(_)) {
        assert_eq!(Command::read(line).as_ref(), Ok(&*service.command));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let given = bytes.split(|byte| *byte == b'\n').map(|argument| OsString::from_vec(argument.to_vec()));
    let arguments: Vec<OsString> = std::iter::once("untrap".into()).chain(given).collect();
    let settings = match cli::parse(&arguments) {
        Ok(Request::Run(settings) | Request::Check(settings)) => settings,
        Ok(Request::Ps(_) | Request::Signal(_) | Request::Generate(_) | Request::Print(_)) => return,
        Err(error) => return assert!(!error.to_string().trim().is_empty()),
    };
    let options = &settings.options;
    let plan = match &settings.source {
        Source::Arguments { commands, program } => Plan::from_arguments(commands, program.clone(), options),
        Source::Procfile { formation, program, .. } => {
            if formation.iter().any(|word| word.split_once('=').is_some_and(|(_, count)| count.len() > DIGITS)) {
                return;
            }
            Plan::from_procfile(Path::new("Procfile"), PROCFILE, formation, program.clone(), options)
        }
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(error) => return assert!(!error.to_string().contains('\n'), "a message is one line"),
    };
    assert!(!plan.services.is_empty());
    let names: HashSet<String> = plan.services.iter().map(|service| service.name.to_string()).collect();
    assert_eq!(names.len(), plan.services.len(), "each service has a name of its own");
    let (shell, port) = (settings.launch.shell.clone(), settings.launch.port);
    let (environment, named) = (Environment::default(), NamedVariables::default());
    let exec_context = ExecContext { environment, named, shell, port };
    match check::plan(&plan, &exec_context, &[], false) {
        Ok(text) => {
            let lines: Vec<&str> = text.split('\n').filter(|line| !line.is_empty()).collect();
            let is_first = |line: &&str| !line.starts_with("    ");
            let shown = lines.chunk_by(|_, next| !is_first(next));
            plan.services.iter().zip(shown).for_each(|(service, lines)| check_shown(service, lines));
        }
        Err(errors) => assert!(errors.iter().all(|error| !error.to_string().contains('\n')), "a message is one line"),
    }
});

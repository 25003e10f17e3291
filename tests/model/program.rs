//! Programs: the services, the options, and the signals to send.

use std::fmt::Write as _;

use untrap::exit_status::ExitMapping;
use untrap::signal::{Rewrite, Signal};

use crate::support::{Place, Scene, actor};

/// The relation of an actor to untrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// The leader itself.
    Leader,
    /// The program that a shell, which is the leader, runs in the foreground.
    InShell,
    /// A child of one of these, in the same group.
    Member,
    /// It has left the process group, the session and its parent.
    Daemon,
}

#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// Its name, which is also that of its log.
    pub(crate) name: String,
    /// Its service, by number.
    pub(crate) service: usize,
    pub(crate) role: Role,
    pub(crate) steps: Vec<String>,
}

impl Actor {
    fn has(&self, names: &[&str]) -> bool {
        self.steps.iter().any(|step| names.contains(&step.split('=').next().unwrap()))
    }

    /// Whether it exits when it receives a stop signal, if not before.
    pub(crate) fn stops_when_signalled(&self) -> bool {
        !self.has(&["ignore-stop", "hang", "stop"])
    }

    /// Whether it exits by itself.
    pub(crate) fn exits(&self) -> bool {
        self.has(&["exit", "crash", "attempt", "fails"]) && !self.has(&["hang", "stop"])
    }

    /// Whether it exits only on a signal at its Nth start, and reads all signals until then.
    pub(crate) fn stays(&self, start: usize) -> bool {
        !self.has(&["exit", "crash", "attempt", "hang", "stop"]) && start > self.failures()
    }

    /// The number of its starts that fail before it stays.
    pub(crate) fn failures(&self) -> usize {
        self.steps.iter().find_map(|step| step.strip_prefix("fails=")?.parse().ok()).unwrap_or(0)
    }
}

/// A timeout that passes only if something is broken, in milliseconds. Half of the time that tests wait.
pub(crate) const LONG: u64 = 15_000;

/// How the command of a service runs the actor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Direct,
    /// By a shell that executes it.
    Exec,
    /// By a shell that waits for it.
    Shell,
    /// By a shell with a trap.
    Trap,
    /// The program does not exist.
    Missing,
}

/// The purpose of a unit. For the model, hooks are services too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    Service,
    Before,
    After,
    /// Of this service.
    StopCommand(usize),
    /// A readiness check before all else.
    WaitFor,
    /// A readiness check of this service.
    Ready(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Policy {
    pub(crate) on_exit: &'static str,
    pub(crate) signal_to: &'static str,
    pub(crate) stop_signal: Option<Signal>,
    /// Milliseconds.
    pub(crate) timeout: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) purpose: Purpose,
    pub(crate) shape: Shape,
    pub(crate) policy: Policy,
}

impl Service {
    pub(crate) fn is_service(&self) -> bool {
        self.purpose == Purpose::Service
    }

    pub(crate) fn is_check(&self) -> bool {
        matches!(self.purpose, Purpose::WaitFor | Purpose::Ready(_))
    }

    pub(crate) fn may_restart(&self) -> bool {
        self.is_service() && self.policy.on_exit.starts_with("restart")
    }
}

/// An action of the test.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    /// Milliseconds.
    Wait(u64),
    /// Wait until every actor is ready, or the shutdown has begun.
    WaitUntilReady,
    /// Wait until this service has restarted this number of times and is ready, or the shutdown has begun.
    WaitUntilRestarted(usize, usize),
    Send(Signal),
    /// SIGTSTP, and SIGCONT once it has stopped.
    Suspend,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) place: Place,
    /// The options without NAME=.
    pub(crate) common: Policy,
    /// The services first.
    pub(crate) services: Vec<Service>,
    /// The actors of the services first, in their order.
    pub(crate) actors: Vec<Actor>,
    pub(crate) rewrites: Vec<Rewrite>,
    pub(crate) exit_map: Vec<ExitMapping>,
    pub(crate) stop_order: &'static str,
    /// Milliseconds, as is the wait timeout.
    pub(crate) stop_delay: u64,
    pub(crate) wait_timeout: u64,
    pub(crate) moves: Vec<Move>,
}

impl Program {
    /// The numbers of the units with this purpose.
    pub(crate) fn with(&self, wanted: impl Fn(Purpose) -> bool) -> impl DoubleEndedIterator<Item = usize> {
        (0..self.services.len()).filter(move |number| wanted(self.services[*number].purpose))
    }

    pub(crate) fn services(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.with(|purpose| purpose == Purpose::Service)
    }

    pub(crate) fn stop_command_of(&self, service: usize) -> Option<usize> {
        self.with(|purpose| purpose == Purpose::StopCommand(service)).next()
    }

    /// The actors of a service.
    pub(crate) fn actors_of(&self, service: usize) -> impl Iterator<Item = &Actor> {
        self.actors.iter().filter(move |actor| actor.service == service)
    }

    /// untrap's arguments.
    pub(crate) fn arguments(&self, scene: &Scene) -> Vec<String> {
        let mut arguments = vec![
            "--log-format".to_owned(),
            "json".to_owned(),
            "-v".to_owned(),
            "--wait-timeout".to_owned(),
            format!("{}ms", self.wait_timeout),
        ];
        arguments.extend(self.policies());
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        for Rewrite { from, to } in &self.rewrites {
            option("--rewrite", format!("{from}={}", to.map_or("none".to_owned(), |to| to.to_string())));
        }
        for ExitMapping { from, to } in &self.exit_map {
            option("--exit-map", format!("{from}={to}"));
        }
        if self.stop_order != "at-once" {
            option("--stop-order", self.stop_order.to_owned());
        }
        if self.stop_delay > 0 {
            option("--stop-delay", format!("{}ms", self.stop_delay));
        }
        let mut services = Vec::new();
        for (number, service) in self.services.iter().enumerate() {
            let line = self.line(scene, number, service.shape);
            match service.purpose {
                Purpose::Service => services.push(format!("{}: {line}", service.name)),
                Purpose::Before => option("--before", line),
                Purpose::After => option("--after", line),
                Purpose::StopCommand(of) => option("--stop-command", format!("{}={line}", self.services[of].name)),
                Purpose::WaitFor => option("--wait-for", format!("exec:{line}")),
                Purpose::Ready(of) => option("--ready", format!("{}=exec:{line}", self.services[of].name)),
            }
        }
        arguments.extend(services);
        arguments
    }

    /// The options of all services, and of each service that differs.
    fn policies(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let common = self.common;
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--timeout", format!("{}ms", common.timeout));
        option("--on-exit", common.on_exit.to_owned());
        option("--signal-to", common.signal_to.to_owned());
        if let Some(signal) = common.stop_signal {
            option("--stop-signal", signal.to_string());
        }
        for Service { name, policy, .. } in self.services.iter().filter(|service| service.is_service()) {
            if policy.timeout != common.timeout {
                option("--timeout", format!("{name}={}ms", policy.timeout));
            }
            if policy.on_exit != common.on_exit {
                option("--on-exit", format!("{name}={}", policy.on_exit));
            }
            if policy.signal_to != common.signal_to {
                option("--signal-to", format!("{name}={}", policy.signal_to));
            }
            if let Some(signal) = policy.stop_signal.filter(|_| policy.stop_signal != common.stop_signal) {
                option("--stop-signal", format!("{name}={signal}"));
            }
        }
        arguments
    }

    fn line(&self, scene: &Scene, number: usize, shape: Shape) -> String {
        let own = &self.actors[number];
        let mut line = format!("{} {}", actor().display(), scene.path(&own.name).display());
        for step in &own.steps {
            write!(line, " {step}").unwrap();
        }
        for child in self.actors_of(number).filter(|child| child.name != own.name) {
            // The steps contain the name of a child instead of its path.
            let path = scene.path(&child.name).display().to_string();
            line = line.replace(&format!("={}:", child.name), &format!("={path}:"));
        }
        match shape {
            Shape::Direct => line,
            Shape::Exec => format!("true; exec {line}"),
            Shape::Shell => format!("{line}; exit $?"),
            Shape::Trap => format!("trap 'exit 7' TERM INT QUIT; {line}; exit 9"),
            Shape::Missing => scene.path("missing").display().to_string(),
        }
    }
}

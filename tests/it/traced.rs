//! Programs that ask to be traced, as debuggers and some protectors do: untrap is their parent, so it becomes the tracer.

use crate::support::{Scene, places};

/// The first lines of a program that asks to be traced.
const TRACED: &str = "import ctypes, os, signal, sys\nctypes.CDLL(None).ptrace(0, 0, 0, 0)\n";

#[track_caller]
fn exits_with(program: &str, status: i32) {
    for place in places() {
        for options in [&[][..], &["sleep 1000"]] {
            let scene = Scene::new();
            scene.write("traced.py", format!("{TRACED}{program}"));
            let arguments = [options, &["traced: python3 traced.py"]].concat();
            let end = scene.start(place, &arguments).end();
            assert_eq!(end.status, status, "{:?}", end.messages);
        }
    }
}

#[test]
fn a_traced_program_that_executes_another_one_runs_on() {
    exits_with("os.execvp('sh', ['sh', '-c', 'exit 7'])\n", 7);
}

#[test]
fn a_traced_program_receives_its_signals() {
    exits_with(
        "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(8))\nos.kill(os.getpid(), signal.SIGUSR1)\nsys.exit(1)\n",
        8,
    );
}

#[test]
fn a_traced_program_is_killed_by_a_signal_that_it_does_not_handle() {
    exits_with("os.kill(os.getpid(), signal.SIGTERM)\nsys.exit(1)\n", 143);
    exits_with("os.execvp('sh', ['sh', '-c', 'kill -TRAP $$; exit 1'])\n", 133);
}

//! Zombies that only another process can reap, and living processes with the state of a zombie.

use crate::support::{Scene, children, places, processes_with, state, wait_for};

/// Starts a daemon with a zombie child in the group of the script, then waits for SIGTERM.
const ZOMBIE_OF_A_DAEMON: &str = "\
#!/bin/sh
sh -c 'sleep 0 & exec setsid sleep \"$1\"' sh \"$1\" &
trap 'exit 0' TERM
while :; do sleep 0.1; done
";

/// Starts the same daemon, waits until it has left the process group and its child is a zombie, and exits.
const ZOMBIE_AND_EXIT: &str = "\
#!/bin/sh
sh -c 'sleep 0 & exec setsid sleep 302' &
proc=/proc/$!
until grep -qx sleep $proc/comm && grep -q '^State:.Z' \"/proc/$(echo $(cat $proc/task/$!/children))/status\"; do
    sleep 0.01
done 2> /dev/null
exit 3
";

/// A python program whose main thread has exited while another thread sleeps.
const MAIN_THREAD_EXITED: &str = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(1000,)).start(); print('up', flush=True); \
     ctypes.CDLL(None).pthread_exit(None)";

/// Whether `/proc` shows this process as a zombie.
fn is_in_state_z(pid: i32) -> bool {
    state(pid) == "Z"
}

fn has_living_threads(pid: i32) -> bool {
    std::fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|threads| threads.count() > 1)
}

#[test]
fn a_zombie_of_another_parent_does_not_keep_a_group_alive() {
    for (number, place) in places().into_iter().enumerate() {
        for (variant, options) in [&[][..], &["--stop-order", "reverse"]].into_iter().enumerate() {
            let scene = Scene::new();
            let marker = format!("301.{number}{variant}");
            scene.script("z.sh", ZOMBIE_OF_A_DAEMON);
            let command = format!("z: ./z.sh {marker}");
            let arguments = [&["--timeout", "25s"], options, &["first: sleep 1000", &command]].concat();
            let untrap = scene.start(place, &arguments);
            let daemon = wait_for("the daemon runs, its child is a zombie", || {
                let daemon = processes_with(&format!("sleep\0{marker}")).into_iter().next()?;
                children(daemon).into_iter().find(|child| is_in_state_z(*child)).map(|_| daemon)
            });
            untrap.signal("TERM");
            let end = untrap.end();
            assert!(!end.said("did not stop"), "{:?}", end.messages);
            assert!(end.said("z (pid ") && end.said("exited with status 0"), "{:?}", end.messages);
            assert!(!std::path::Path::new(&format!("/proc/{daemon}/stat")).exists(), "the daemon was stopped");
        }
    }
}

#[test]
fn a_service_with_a_foreign_zombie_in_its_group_is_restarted() {
    for place in places() {
        let scene = Scene::new();
        scene.script("z.sh", ZOMBIE_AND_EXIT);
        let untrap = scene.start(place, &["--timeout", "25s", "--on-exit", "restart", "z: ./z.sh"]);
        untrap.wait_for_message("restart 1");
        untrap.wait_for_message("restart 2");
        untrap.signal("TERM");
        let end = untrap.end();
        assert!(!end.said("killed the remaining processes"), "{:?}", end.messages);
    }
}

#[test]
fn a_process_whose_main_thread_has_exited_is_stopped_as_a_leftover_process() {
    for place in places() {
        let scene = Scene::new();
        scene.write("threads.py", MAIN_THREAD_EXITED);
        scene.script("start", "#!/bin/sh\nsetsid python3 threads.py > up 2>&1 &\nexec sleep 1000\n");
        let untrap = scene.start(place, &["service: ./start"]);
        let python = wait_for("the main thread exits", || {
            // /proc shows no command line of a zombie, so find the process by its threads.
            processes_with("").into_iter().find(|pid| is_in_state_z(*pid) && has_living_threads(*pid))
        });
        untrap.signal("TERM");
        let end = untrap.end();
        assert!(end.said("leftover process python3"), "{:?}", end.messages);
        assert!(!std::path::Path::new(&format!("/proc/{python}/stat")).exists(), "it outlived untrap");
    }
}

//! Resource limits: open files and memory.

use crate::support::{Place, Running, Scene};

/// Runs untrap with these arguments, started by a shell that sets a limit.
fn run_limited(scene: &Scene, limit: &str, arguments: &[&str]) -> crate::support::End {
    let mut command = scene.program_in(Place::Subreaper, "sh".as_ref());
    command.args(["-c", &format!("{limit}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_untrap")]).args(arguments);
    Running::new(Place::Subreaper, &mut command).end()
}

#[test]
fn a_low_soft_limit_of_open_files_is_raised_for_untrap_and_not_for_services() {
    let scene = Scene::new();
    // Each service waits until all services run, so that untrap needs the descriptors of all at the same time.
    let all_run = "echo >> running; until [ $(wc -l < running) = 40 ]; do sleep 0.01; done";
    let services: Vec<String> = (0..40).map(|number| format!("s{number}: ulimit -Sn; ulimit -Hn; {all_run}")).collect();
    let mut arguments = vec!["--output", "prefix", "--on-exit", "ignore"];
    arguments.extend(services.iter().map(String::as_str));
    let end = run_limited(&scene, "ulimit -Sn 64; ulimit -Hn 512", &arguments);
    assert_eq!(end.status, 0, "{:?}", end.messages);
    let limits: Vec<&str> = end.stdout.lines().filter_map(|line| line.split("| ").nth(1)).collect();
    assert_eq!(limits.iter().filter(|limit| **limit == "64").count(), 40, "{}", end.stdout);
    assert_eq!(limits.iter().filter(|limit| **limit == "512").count(), 40, "{}", end.stdout);
}

#[test]
fn a_message_about_too_many_open_files_names_the_limit() {
    let scene = Scene::new();
    let services: Vec<String> = (0..40).map(|number| format!("s{number}: sleep 1000")).collect();
    let mut arguments = vec!["--output", "prefix"];
    arguments.extend(services.iter().map(String::as_str));
    let end = run_limited(&scene, "ulimit -n 30", &arguments);
    assert_eq!(end.status, 125, "{:?}", end.messages);
    assert!(end.said("raise the limit of open files (ulimit -n, docker run --ulimit nofile=N)"), "{:?}", end.messages);
}

#[test]
fn a_message_reports_that_the_oom_killer_killed_a_service() {
    let Some(cgroup) = MemoryCgroup::new() else {
        return crate::support::skip(
            "no memory cgroup can be made here (it takes root), so out of memory is not tested",
        );
    };
    let scene = Scene::new();
    let hog = "hog: python3 -c \"x = [bytearray(1 << 20) for _ in range(256)]\"";
    let end = run_limited(&scene, &format!("echo $$ > {}/cgroup.procs", cgroup.0), &[hog]);
    assert_eq!(end.status, 137, "{:?}", end.messages);
    assert!(end.said("raise the memory limit of the container"), "{:?}", end.messages);
    let end = run_limited(&scene, "true", &["sh -c 'kill -KILL $$'"]);
    assert!(!end.said("memory limit"), "{:?}", end.messages);
}

/// A cgroup with a memory limit of 64 MiB.
struct MemoryCgroup(String);

impl MemoryCgroup {
    fn new() -> Option<Self> {
        let name = format!("untrap-test-{}", std::process::id());
        for (root, limits) in [
            ("/sys/fs/cgroup/memory", &["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"][..]),
            ("/sys/fs/cgroup", &["memory.max", "memory.swap.max"]),
        ] {
            let path = format!("{root}/{name}");
            if std::fs::create_dir(&path).is_err() {
                continue;
            }
            let cgroup = Self(path.clone());
            // Swap may not be accounted for, or may not exist.
            let _ = std::fs::write(format!("{path}/memory.swap.max"), "0");
            if std::fs::write(format!("{path}/{}", limits[0]), "67108864").is_ok() {
                let _ = std::fs::write(format!("{path}/{}", limits[1]), "67108864");
                return Some(cgroup);
            }
        }
        None
    }
}

impl Drop for MemoryCgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

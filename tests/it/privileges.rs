//! The capabilities of a service with `--user`.

use std::process::Command;

use crate::support::{Scene, skip};

/// The sets of capabilities that a service started with `--user` has, if untrap itself is started by `setpriv` with these
/// options. `None` if setpriv cannot be run so here.
fn capabilities_of_a_service(setpriv: &[&str], user: &str) -> Option<Vec<String>> {
    let scene = Scene::new();
    let directory = scene.open_to_all();
    let program = directory.join("untrap");
    std::fs::copy(env!("CARGO_BIN_EXE_untrap"), &program).unwrap();
    let mut command = Command::new("setpriv");
    command.args(setpriv).arg(&program).args(["--quiet", "--user", user, "--", "grep", "^Cap", "/proc/self/status"]);
    let output = command.current_dir("/").output().ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        skip(&format!("setpriv cannot start untrap here: {}", String::from_utf8_lossy(&output.stderr)));
        return None;
    }
    let sets = text.lines().filter(|line| !line.starts_with("CapBnd"));
    Some(sets.map(|line| line.split_whitespace().last().unwrap().to_owned()).collect())
}

#[test]
fn a_service_with_a_user_keeps_no_capability_whatever_untrap_has() {
    let as_user = ["--reuid=1000", "--regid=1000", "--clear-groups"];
    let ambient = ["--inh-caps=+setuid,+setgid", "--ambient-caps=+setuid,+setgid"];
    for setpriv in [
        &[&as_user[..], &ambient].concat()[..],
        &["--inh-caps=+setuid,+setgid", "--ambient-caps=+setuid,+setgid"],
        &["--securebits=+no_setuid_fixup"],
        &["--securebits=+no_setuid_fixup,+no_setuid_fixup_locked"],
        &["--no-new-privs"],
        &[],
    ] {
        let Some(sets) = capabilities_of_a_service(setpriv, "65534") else { continue };
        assert_eq!(sets, ["0000000000000000"; 4], "{setpriv:?}");
    }
}

#[test]
fn a_service_of_root_keeps_the_capabilities_of_root() {
    let Some(sets) = capabilities_of_a_service(&[], "root") else { return };
    assert_ne!(sets[2], "0000000000000000", "{sets:?}");
}

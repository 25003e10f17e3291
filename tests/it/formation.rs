//! Which process types of a Procfile run, and how many of each.

use crate::support::Scene;

const PROCFILE: &str = "release: true\nweb: true\nworker: true\nclock: true\n";

/// The services that would run, in their order.
#[track_caller]
fn services(arguments: &[&str], formation: Option<&str>) -> Vec<String> {
    let scene = Scene::new();
    scene.write("Procfile", PROCFILE);
    let mut untrap = scene.untrap();
    untrap.arg("check").args(arguments);
    untrap.envs(formation.map(|formation| ("UNTRAP_FORMATION", formation)));
    let output = untrap.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter(|line| !line.is_empty() && !line.starts_with(' '));
    names.map(|line| line.split(':').next().unwrap().to_owned()).collect()
}

#[test]
fn without_a_formation_each_type_except_release_runs_once() {
    assert_eq!(services(&[], None), ["web.1", "worker.1", "clock.1"]);
    assert_eq!(services(&["-f", "Procfile"], None), ["web.1", "worker.1", "clock.1"]);
}

#[test]
fn named_types_run_in_the_order_in_which_they_are_named() {
    assert_eq!(services(&["-f", "Procfile", "clock", "web=2", "worker=0"], None), ["clock.1", "web.1", "web.2"]);
    assert_eq!(services(&["-f", "Procfile", "release"], None), ["release.1"]);
}

#[test]
fn all_stands_for_the_types_that_are_not_named() {
    assert_eq!(services(&["-f", "Procfile", "all=1"], None), ["web.1", "worker.1", "clock.1"]);
    assert_eq!(services(&["-f", "Procfile", "all=1", "clock=0", "web=2"], None), ["web.1", "web.2", "worker.1"]);
    assert_eq!(services(&["-f", "Procfile", "web=1", "all=0"], None), ["web.1"]);
    assert_eq!(services(&["-f", "Procfile", "all", "release"], None), ["release.1", "web.1", "worker.1", "clock.1"]);
}

#[test]
fn the_environment_can_give_the_formation_and_the_command_line_wins() {
    assert_eq!(services(&[], Some("web=2, worker=1")), ["web.1", "web.2", "worker.1"]);
    assert_eq!(services(&["-f", "Procfile"], Some("clock")), ["clock.1"]);
    assert_eq!(services(&["-f", "Procfile", "web"], Some("clock=3")), ["web.1"]);
    assert_eq!(services(&[], Some("")), ["web.1", "worker.1", "clock.1"]);
    // Commands have no formation.
    assert_eq!(services(&["a: true"], Some("clock=3")), ["a"]);
    assert_eq!(services(&["--", "true"], Some("clock=3")), ["true"]);
}

#[test]
fn an_unknown_type_is_an_error_also_beside_all() {
    let scene = Scene::new();
    scene.write("Procfile", PROCFILE);
    let end = scene.run(&["-f", "Procfile", "all=1", "wroker=2"]);
    assert!(end.status == 2 && end.said("Procfile has no process type 'wroker'"), "{end:?}");
    scene.write("Procfile", "release: true\n");
    let end = scene.run(&[]);
    assert!(end.status == 2 && end.said("nothing to run") && end.said("'release' runs only if it is named"), "{end:?}");
}

#[test]
fn release_runs_before_the_services_if_before_names_it() {
    let scene = Scene::new();
    scene.write("Procfile", "web: test -e released\nrelease: touch released\n");
    let end = scene.run(&["--before", "release"]);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(end.said("web.1 started") && !end.said("release.1 started"), "{end:?}");
}

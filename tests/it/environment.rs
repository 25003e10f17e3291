//! The environment of services: their names and ports.

use crate::support::Scene;

/// The sorted output lines of all services.
#[track_caller]
fn printed(scene: &Scene, arguments: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let output = scene.untrap().args(["-q", "--on-exit", "ignore"]).args(arguments).envs(variables.to_vec()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut lines: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn each_service_has_its_name_in_its_environment() {
    let scene = Scene::new();
    scene.write("show", "echo $UNTRAP_NAME $PS $DYNO $PORT\n");
    scene.write("Procfile", "web: sh show\nworker: sh show $PORT\n");
    assert_eq!(printed(&scene, &["-f", "Procfile", "web=2"], &[]), ["web.1 web.1 web.1", "web.2 web.2 web.2"]);
    assert_eq!(printed(&scene, &["sh show", "a: sh show"], &[("DYNO", "run.7")]), ["a a run.7", "sh sh run.7"]);
    assert_eq!(printed(&scene, &["PS=x UNTRAP_NAME= sh show"], &[]), ["x sh"], "assignments of the line win");
}

#[test]
fn a_nested_untrap_sets_its_own_names() {
    let scene = Scene::new();
    let inner = format!("{} -q -- printenv UNTRAP_NAME", env!("CARGO_BIN_EXE_untrap"));
    assert_eq!(printed(&scene, &[&format!("outer: {inner}")], &[]), ["printenv"]);
}

#[test]
fn ports_increase_by_100_per_process_type_and_by_1_per_instance() {
    let scene = Scene::new();
    scene.write("show", "echo $UNTRAP_NAME $PORT $1\n");
    scene.write("Procfile", "web: sh show $PORT\nworker: sh show\nclock: sh show\n");
    let arguments = ["--port", "5000", "-f", "Procfile", "clock", "web=2"];
    let expected = ["clock.1 5200", "web.1 5000 5000", "web.2 5001 5001"];
    assert_eq!(
        printed(&scene, &arguments, &[("PORT", "80")]),
        expected,
        "the port depends on the position in the file"
    );
    let expected = ["a 5100", "sh 5000", "sh.2 5001"];
    assert_eq!(printed(&scene, &["sh show", "a: sh show", "sh show"], &[("UNTRAP_PORT", "5000")]), expected);
    assert_eq!(printed(&scene, &["sh show"], &[("PORT", "80")]), ["sh 80"], "without --port, PORT is inherited");
}

#[test]
fn an_invalid_port_is_an_error() {
    let scene = Scene::new();
    let end = scene.run(&["--port", "65500", "touch started", "b: touch started"]);
    assert!(end.status == 2 && end.said("b would have the port 65600, and 65535 is the last"), "{end:?}");
    for port in ["0", "65536", "http"] {
        let end = scene.run(&["--port", port, "touch started"]);
        assert!(end.status == 2 && end.said(&format!("--port '{port}': not a port")), "{end:?}");
    }
    assert!(!scene.path("started").exists());
}

//! Env files: `--env-file [NAME=][?]FILE`. `tests/env_files.rs` compares their values with other programs.

use crate::support::{Scene, wait_for};

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
fn a_later_env_file_wins_over_an_earlier_one_and_the_environment_over_both() {
    let scene = Scene::new();
    scene.write("show", "echo $A $B $C $D $1\n");
    scene.write("first", "A=first\nB=first\nC=first\nD='x  y'\nUNTRAP_ON_EXIT=explode\n");
    scene.write("second", "# ours\n\nexport B=second\nC=second\n");
    let line = "sh show ${C}-$D";
    let arguments = ["-e", "first", "--env-file", "second", line];
    assert_eq!(printed(&scene, &arguments, &[("C", "real")]), ["first second real x y real-x"]);
    assert_eq!(printed(&scene, &[line], &[("UNTRAP_ENV_FILE", "second,first")]), ["first first first x y first-x"]);
    let path = scene.write("path", "PATH=/nowhere\n");
    let mut untrap = scene.untrap();
    untrap.args(["-e", path.to_str().unwrap(), "ls"]).env_remove("PATH");
    assert_eq!(untrap.output().unwrap().status.code(), Some(127), "programs are looked up in PATH of the env file");
}

#[test]
fn a_file_with_a_name_is_for_that_service_and_wins_over_the_others() {
    let scene = Scene::new();
    scene.write("show", "echo $UNTRAP_NAME $A $B $1 $UNTRAP_ON_EXIT\n");
    scene.write("Procfile", "web: sh show $B\nworker: sh show $B\n");
    scene.write("named", "B=named\nUNTRAP_ON_EXIT=explode\n");
    scene.write("second", "B=second\n");
    scene.write("all", "A=all\nB=all\n");
    let files = ["-f", "Procfile", "-e", "web=named", "-e", "web.2=second", "-e", "all", "web=2", "worker"];
    let expected = ["web.1 all named named", "web.2 all second second", "worker.1 all all all"];
    assert_eq!(printed(&scene, &files, &[]), expected);
    let expected = ["web.1 all own own", "web.2 all own own", "worker.1 all own own"];
    assert_eq!(printed(&scene, &files, &[("B", "own")]), expected, "the environment wins");
    let end = scene.run(&["-e", "wep=named", "web: touch started"]);
    assert!(end.status == 2 && end.said("--env-file wep=…: no service is named 'wep'"), "{end:?}");
    assert!(!scene.path("started").exists());
}

#[test]
fn checks_and_stop_commands_have_the_environment_of_their_service() {
    let scene = Scene::new();
    scene.write("web", "A=web\n");
    scene.write("all", "A=all\n");
    let hook = |name: &str| format!("printenv A PORT > {name}");
    let (ready, stop, before) = (format!("web=exec:{}", hook("ready")), format!("web={}", hook("stop")), "printenv A");
    let files = ["-e", "web=web", "-e", "all", "--port", "5000", "--before", before, "--stop-order", "reverse"];
    let hooks = ["--ready", &ready, "--stop-command", &stop, "web: sleep 1000", "end: true"];
    let end = scene.run(&[&files[..], &["-t", "1s"], &hooks].concat());
    assert_eq!((scene.lines("ready"), scene.lines("stop")), (vec!["web".into(), "5000".into()], scene.lines("ready")));
    assert_eq!(end.stdout, "all\n", "--before has the shared environment");
}

#[test]
fn a_question_mark_accepts_a_missing_file_and_nothing_else() {
    let scene = Scene::new();
    scene.write("here", "A=1\n");
    scene.write("?odd", "A=2\n");
    scene.write("a=b", "A=3\n");
    std::fs::create_dir(scene.path("directory")).unwrap();
    assert_eq!(printed(&scene, &["-e", "?missing", "-e", "x=?missing", "x: printenv PS"], &[]), ["x"]);
    for (file, value) in [("?here", "1"), ("x=?here", "1"), ("./?odd", "2"), ("./a=b", "3"), ("x=./a=b", "3")] {
        assert_eq!(printed(&scene, &["-e", file, "x: printenv A"], &[]), [value], "{file}");
    }
    for (file, message) in [
        ("missing", "can't read missing: No such file"),
        ("?directory", "can't read directory: Is a directory"),
        ("?", "--env-file '?': the path is empty"),
    ] {
        let end = scene.run(&["-e", file, "x: touch started"]);
        assert!(end.status == 2 && end.messages.len() == 1 && end.said(message), "{file}: {end:?}");
    }
    assert!(!scene.path("started").exists());
}

#[test]
fn an_error_names_file_line_column_and_cause_and_no_value() {
    let scene = Scene::new();
    for (content, message) in [
        ("A=1\nFOO BAR=hunter2\n", "env:2:4: a name with a blank"),
        ("A='hunter2\nB=1\n", "env:1:3: a quote ' that is never closed"),
        ("A=1\nB=\"hunter2\" hunter2\n", "env:2:13: text after the closing quote"),
        ("A=1\n=hunter2\n", "env:2:1: no name before the '='"),
        ("A\"=hunter2\n", "env:1:2: a name with the character '\"'"),
        ("A=1\nB=hunter2\0\n", "env:2:10: a NUL character"),
        ("A=${B:-${hunter2}}\n", "env:1:8: an expansion in the default"),
    ] {
        scene.write("env", content);
        for check in [&[][..], &["check"]] {
            let end = scene.run(&[check, &["-e", "env", "touch started"]].concat());
            assert_eq!(end.status, 2, "{end:?}");
            assert!(end.messages.len() == 1 && end.said(message) && !end.said("hunter2"), "{end:?}");
        }
    }
    std::fs::write(scene.path("env"), b"A=1\nB=\xffhunter2\n").unwrap();
    let end = scene.run(&["-e", "env", "touch started"]);
    assert!(end.status == 2 && end.said("env:2:3: the file is not UTF-8") && !end.said("hunter2"), "{end:?}");
    assert!(!scene.path("started").exists());
}

#[test]
fn check_and_verbose_show_where_an_unquoted_value_is_not_its_text() {
    let scene = Scene::new();
    scene.write("env", "A=hunter2 # comment\nB='quoted # ${A}'\nC=plain\nD=${A}hunter2\n");
    let notes = [
        "env:1:3: the value of A is not as written: the comment is left out",
        "env:4:3: the value of D is not as written: ${…} is expanded",
    ];
    let end = scene.run(&["check", "-e", "env", "true"]);
    assert_eq!(end.status, 0, "{end:?}");
    let shown: Vec<&str> = end.stdout.lines().filter(|line| line.starts_with("env:")).collect();
    assert_eq!(shown, notes);
    let end = scene.run(&["-v", "-e", "env", "true"]);
    let said: Vec<&str> = end.messages.iter().filter_map(|line| line.strip_prefix("untrap: env:")).collect();
    assert_eq!(said, notes.map(|note| &note["env:".len()..]));
    assert!(!scene.run(&["-e", "env", "true"]).said("env:"), "only with -v");
    assert!(!end.said("hunter2"), "{end:?}");
}

#[test]
fn an_unset_variable_is_empty_with_a_warning() {
    let scene = Scene::new();
    scene.write("env", "A=x${MISSING}y\nB=${MISSING:-z}\n");
    let warning = "env:1:4: A expands MISSING, which is not set";
    let end = scene.run(&["-q", "-e", "env", "printenv A B"]);
    assert!(end.status == 0 && end.stdout == "xy\nz\n" && end.said(warning), "{end:?}");
    assert_eq!(end.messages.len(), 1, "{end:?}");
    let end = scene.run(&["check", "-e", "env", "true"]);
    assert!(end.stdout.lines().any(|line| line.starts_with(warning)), "{end:?}");
}

#[test]
fn a_file_is_read_once_even_if_it_is_a_pipe() {
    let scene = Scene::new();
    let pipe = scene.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, "A=piped\n").unwrap()
    });
    assert_eq!(printed(&scene, &["-e", "pipe", "a: printenv A", "b: printenv A"], &[]), ["piped", "piped"]);
    wait_for("the writer", || writer.is_finished().then_some(()));
}

#[test]
fn a_million_lines_are_read() {
    let scene = Scene::new();
    let lines: Vec<String> = (0..1_000_000).map(|number| format!("V{number}=x\n")).collect();
    scene.write("env", lines.concat());
    // The kernel would not pass on so many variables.
    let end = scene.run(&["check", "-e", "env", "true"]);
    assert!(end.status == 0 && end.stdout.lines().count() == 5, "{}", end.status);
}

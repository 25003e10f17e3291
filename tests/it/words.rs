//! How a command line is executed: directly, after its expansions, or by a shell.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Place, Scene, example};

/// The output of `show` under untrap and under sh, both with only these variables in the environment.
#[track_caller]
fn by_untrap_and_by_sh(scene: &Scene, line: &str, variables: &[(&str, &[u8])]) -> [String; 2] {
    // untrap sets these variables, so set them for sh as well.
    let identity = [("UNTRAP_NAME", "show"), ("PS", "show"), ("DYNO", "show")];
    let mut sh = std::process::Command::new("sh");
    sh.args(["-c", line]).current_dir(scene.path(".")).env_clear().envs(identity);
    let mut untrap = scene.untrap();
    untrap.args(["-q", "--shell", "none", &format!("show: {line}")]).env_clear();
    [untrap, sh].map(|mut command| {
        command.env("PATH", "/usr/bin:/bin:.");
        for (name, value) in variables {
            command.env(name, OsStr::from_bytes(value));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    })
}

fn scene_with_show() -> Scene {
    let scene = Scene::new();
    std::fs::copy(example("show"), scene.path("show")).unwrap();
    scene
}

#[test]
fn a_line_that_untrap_executes_directly_gives_the_same_in_sh() {
    let scene = scene_with_show();
    let variables: &[(&str, &[u8])] =
        &[("PORT", b"80"), ("OPTS", b" -a  -b\t'c d' "), ("EMPTY", b""), ("BYTES", b"\xff \xfe"), ("SHOW", b"./show")];
    for line in [
        "show -p $PORT -e ${ENV:-production}",
        "A=1 B=$OPTS C='x  y' ./show $OPTS \"$OPTS\" $EMPTY \"$EMPTY\" ${UNSET-a b}",
        "$EMPTY $SHOW $BYTES \"$BYTES\" http://$PORT:$PORT/",
        "PORT=81 SHOW= show",
        "sh\\ow '' \"it's\" \\$PORT '$PORT' \"\\$PORT\" $UNTRAP_NAME",
    ] {
        let [by_untrap, by_sh] = by_untrap_and_by_sh(&scene, line, variables);
        assert_eq!(by_untrap, by_sh, "{line}");
    }
}

#[test]
fn a_program_is_looked_up_in_the_path_that_its_line_assigns() {
    let scene = scene_with_show();
    std::fs::create_dir(scene.path("bin")).unwrap();
    std::fs::rename(scene.path("show"), scene.path("bin/unique")).unwrap();
    let end = scene.run(&["PATH=bin unique"]);
    assert!(end.stdout.starts_with("[\"unique\"] "), "{end:?}");
    assert_eq!(scene.run(&["PATH=/nowhere ls"]).status, 127);
}

#[test]
fn a_value_with_a_pattern_goes_to_the_shell_unless_it_is_quoted() {
    let scene = scene_with_show();
    scene.write("a.c", "");
    let run = |line| {
        let output = scene.untrap().args(["-q", line]).env("FILES", "*.c").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run("./show $FILES").starts_with("[\"./show\", \"a.c\"]"));
    assert!(run("./show \"$FILES\"").starts_with("[\"./show\", \"*.c\"]"));
}

#[test]
fn another_shell_can_be_named() {
    let scene = Scene::new();
    scene.script("shell", "#!/bin/sh\necho \"$0 $1 $2\"\n");
    let shell = scene.path("shell").to_str().unwrap().to_owned();
    assert_eq!(scene.run(&["-q", "--shell", &shell, "a | b"]).stdout, format!("{shell} -c a | b\n"));
    scene.script("plain", "no first line\n");
    assert_eq!(scene.run(&["-q", "--shell", &shell, "./plain x"]).stdout, format!("{shell} ./plain x\n"));
    let refused = scene.run(&["--shell", "sh", "a | b"]);
    assert!(refused.status == 2 && refused.said("--shell 'sh': not a shell"), "{refused:?}");
}

#[test]
fn without_a_shell_a_line_that_needs_one_is_refused_before_anything_starts() {
    let scene = Scene::new();
    scene.script("plain", "no first line\n");
    for (line, reason) in [
        ("x: a secret | b", "x needs a shell because of '|'"),
        ("x: cd secret", "x needs a shell because of 'cd'"),
        ("x: a $(secret)", "x needs a shell because of '$'"),
        ("x: a $FILES", "x needs a shell because of the value of 'FILES'"),
    ] {
        for (shell, status, hint) in [("none", 2, "--shell is none"), ("/no/sh", 127, "there is no /no/sh")] {
            let output = scene.untrap().args(["--shell", shell, "touch started", line]).env("FILES", "se?ret").output();
            let output = output.unwrap();
            let message = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(status), "{message}");
            assert!(message.contains(reason) && message.contains(hint) && message.lines().count() == 1, "{message}");
            assert!(!message.contains("secret") && !scene.path("started").exists(), "{message}");
        }
    }
    assert_eq!(scene.run(&["-q", "--shell", "none", "A=1 touch started"]).status, 0);
    assert!(scene.path("started").exists());
    assert_eq!(scene.run(&["-q", "--shell", "none", "./plain"]).status, 126, "a script without an interpreter line");
}

#[test]
fn a_hook_expands_variables_that_are_set_at_its_start() {
    let scene = Scene::new();
    scene.write("show", "echo $A $UNTRAP_EXIT_CODE > after\n");
    let end =
        scene.run(&["-q", "--after", "A=own sh show", "--after", "touch code-$UNTRAP_EXIT_CODE", "sh -c 'exit 3'"]);
    assert_eq!((end.status, scene.lines("after")), (3, vec!["own 3".to_owned()]));
    assert!(scene.path("code-3").exists());
    let end = scene.run(&["--shell", "none", "--after", "touch code-$UNTRAP_EXIT_CODE", "touch started"]);
    assert!(
        end.said("after.1 needs a shell because of 'UNTRAP_EXIT_CODE', which is set when the command starts"),
        "{end:?}"
    );
    assert!(end.status == 2 && !scene.path("started").exists());
}

#[test]
fn a_cd_before_a_program_changes_the_directory_and_its_variables_as_in_sh() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.path("a/b c")).unwrap();
    std::os::unix::fs::symlink("a", scene.path("link")).unwrap();
    scene.script("a/show", "#!/bin/sh\n/bin/pwd; tr '\\0' '\\n' < /proc/$$/environ | sort; cat /proc/$PPID/comm\n");
    let here = scene.path("").canonicalize().unwrap();
    let here = here.to_str().unwrap();
    for (line, directory) in [
        ("cd a && ./show", "a"),
        ("cd a;exec ./show", "a"),
        ("cd \"$DIR\" && A=1 ../show", "a/b c"),
        ("cd ./link//. && ./show", "link"),
    ] {
        for pwd in ["", "/", here] {
            let mut sh = std::process::Command::new("sh");
            sh.args(["-c", line]).current_dir(here);
            let mut untrap = scene.untrap();
            untrap.args(["-q", "--shell", "none", &format!("show: {line}")]);
            let [by_untrap, by_sh] = [untrap, sh].map(|mut command| {
                command.env_clear().envs([("PATH", "/usr/bin:/bin"), ("DIR", "a/b c"), ("DYNO", "x")]);
                if !pwd.is_empty() {
                    command.env("PWD", pwd);
                }
                if command.get_program() == "sh" {
                    command.envs([("UNTRAP_NAME", "show"), ("PS", "show")]);
                }
                let output = command.output().unwrap();
                assert!(output.status.success(), "{line}: {output:?}");
                String::from_utf8(output.stdout).unwrap()
            });
            let (shown, parent) = by_untrap.trim_end().rsplit_once('\n').unwrap();
            assert_eq!(parent, "untrap", "the leader is the program");
            assert_eq!(shown, by_sh.trim_end().rsplit_once('\n').unwrap().0, "{line} with PWD={pwd}");
            assert!(shown.contains(&format!("\nPWD={here}/{directory}\n")), "{shown}");
            assert!(shown.contains(&format!("\nOLDPWD={here}\n")), "{shown}");
        }
    }
}

#[test]
fn a_cd_that_fails_is_left_to_the_shell() {
    let scene = Scene::new();
    for (line, status) in [("cd none && touch made", 2), ("cd none; touch made", 0)] {
        let end = scene.run(&[line]);
        assert_eq!((end.status, scene.path("made").exists()), (status, status == 0), "{end:?}");
        assert!(end.said("can't cd to none"), "{end:?}");
    }
    let end = scene.run(&["--shell", "none", "cd none; touch made2"]);
    assert!(end.status == 2 && !scene.path("made2").exists(), "{end:?}");
    assert!(
        end.said("touch can't start: can't change to the directory of its cd: No such file or directory"),
        "{end:?}"
    );
}

#[test]
fn after_exec_a_word_is_a_program_also_if_the_shell_has_a_command_of_its_name() {
    let scene = Scene::new();
    scene.script("cd", "#!/bin/sh\necho program \"$1\"\n");
    let output =
        scene.untrap().args(["-q", "--shell", "none", "A=1 exec cd A=2"]).env("PATH", ".:/bin").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "program A=2\n");
}

#[test]
fn the_last_program_of_a_line_replaces_dash() {
    let scene = Scene::new();
    for (name, line) in
        [("a", "A=1; export A; umask 027; "), ("b", "cd / && true && "), ("c", "false || A=1 "), ("d", "./none; ")]
    {
        let redirected = format!("{name}: {line}{} 2>&1 # comment", scene.witness(name, ""));
        let untrap = scene.start(Place::Subreaper, &["--shell", "/usr/bin/dash", &redirected]);
        let [pid, parent, group] = scene.ready(name);
        assert_eq!((parent, group), (untrap.pid(), pid), "the leader is the program");
        untrap.signal("TERM");
        assert_eq!(untrap.end().status, 0, "the status is that of the program");
        assert_eq!(scene.seen(name)[0], "SIGTERM");
    }
}

#[test]
fn a_line_is_left_as_it_is_if_the_shell_is_not_dash_or_has_functions_from_the_environment() {
    let scene = Scene::new();
    scene.script("shell", "#!/bin/sh\necho \"$2\"\n");
    let shell = scene.path("shell").to_str().unwrap().to_owned();
    assert_eq!(scene.run(&["-q", "--shell", &shell, "a && b"]).stdout, "a && b\n");
    std::fs::create_dir(scene.path("bin")).unwrap();
    std::fs::rename(scene.path("shell"), scene.path("bin/dash")).unwrap();
    let shell = scene.path("bin/dash").to_str().unwrap().to_owned();
    assert_eq!(scene.run(&["-q", "--shell", &shell, "a && b"]).stdout, "a && exec b\n");
    for variable in ["BASH_ENV", "BASH_FUNC_b%%"] {
        let output = scene.untrap().args(["-q", "--shell", &shell, "a && b"]).env(variable, "x").output().unwrap();
        assert_eq!(output.stdout, b"a && b\n", "{variable}");
    }
}

#[test]
fn services_of_the_same_program_get_the_hint_to_name_them() {
    let scene = Scene::new();
    let hint = "several services run true and are called true, true.2; name each of them: 'NAME: COMMAND'";
    let end = scene.run(&["true a", "cd / && exec true b", "true"]);
    assert_eq!(end.messages.iter().filter(|line| line.contains(hint)).count(), 1, "{end:?}");
    assert!(!scene.run(&["true a", "b: true b"]).said(hint));
}

#[test]
fn an_option_for_a_program_says_how_its_service_is_called() {
    let scene = Scene::new();
    let end = scene.run(&["--on-exit", "run.sh=ignore", "touch started"]);
    assert_eq!(end.status, 2);
    assert!(
        end.said("--on-exit 'run.sh=ignore': 'run.sh' is not a name; a service that runs run.sh is called run_sh"),
        "{end:?}"
    );
    assert!(scene.run(&["--on-exit", "run.sh=never", "true"]).said("--on-exit 'run.sh=never': "));
    assert!(!scene.path("started").exists());
}

//! Runs the example buildpacks as their platforms do, and starts the results.

#[path = "support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{End, Place, Running, Scene};

/// An app and a buildpack that contains the binary.
struct Platform {
    scene: Scene,
    buildpack: PathBuf,
}

impl Platform {
    fn new(buildpack: &str, procfile: &str) -> Self {
        let scene = Scene::new();
        for directory in ["app", "config", "cache", "platform/env", "layers"] {
            std::fs::create_dir_all(scene.path(directory)).unwrap();
        }
        scene.write("app/Procfile", procfile);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(buildpack);
        let copied = Command::new("cp").arg("-R").arg(source).arg(scene.path("")).status().unwrap();
        assert!(copied.success());
        let buildpack = scene.path(buildpack);
        std::fs::create_dir(buildpack.join("vendor")).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_untrap"), buildpack.join("vendor/untrap")).unwrap();
        Self { scene, buildpack }
    }

    /// Runs a script of the buildpack in a directory of the scene, with paths in the scene as arguments.
    fn script(&self, name: &str, directory: &str, arguments: &[&str], variables: &[(&str, PathBuf)]) -> Output {
        let mut command = Command::new(self.buildpack.join("bin").join(name));
        command.args(arguments.iter().map(|argument| self.scene.path(argument)));
        command.current_dir(self.scene.path(directory)).env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(variables.iter().cloned()).stdin(Stdio::null()).output().unwrap()
    }

    fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.scene.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Starts the result with two web services and one worker, stops it, and checks that `release` did not run.
    #[track_caller]
    fn runs_all(&self, mut command: Command) -> End {
        command.current_dir(self.scene.path("app")).env_clear().env("HOME", self.scene.path("app")).env("PORT", "80");
        command.env("UNTRAP_FORMATION", "web=2,worker=1");
        let running = Running::new(Place::Subreaper, &mut command);
        for name in ["web.1", "web.2", "worker.1"] {
            self.scene.ready(name);
        }
        running.signal("TERM");
        let end = running.end();
        assert_eq!(end.status, 0, "{end:?}");
        assert!(!self.scene.path("app/released").exists());
        for name in ["web.1", "web.2", "worker.1"] {
            assert!(end.said(&format!("{name} started")) && end.said(&format!("{name} (pid")), "{end:?}");
        }
        end
    }
}

/// A Procfile whose services record their signals in files of their names.
fn procfile(scene: &Scene) -> String {
    let files = scene.path("").display().to_string();
    format!(
        "release: touch released\nweb: {0} {files}$UNTRAP_NAME\nworker: {0} {files}$PS\n",
        support::witness().display()
    )
}

fn with_witnesses(buildpack: &str) -> Platform {
    let platform = Platform::new(buildpack, "");
    platform.scene.write("app/Procfile", procfile(&platform.scene));
    platform
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn heroku_runs_all_process_types_in_its_web_process() {
    let platform = with_witnesses("buildpack-heroku");
    let own = platform.text("app/Procfile");
    assert_eq!(succeeds(&platform.script("detect", "", &["app"], &[])), "untrap\n");
    let output = succeeds(&platform.script("compile", "", &["app", "cache", "config"], &[]));
    assert!(output.contains("web.1: ") && output.contains("worker.1: ") && !output.contains("release.1"), "{output}");
    let release = succeeds(&platform.script("release", "", &["app"], &[]));
    assert_eq!(release, "---\ndefault_process_types:\n  web: untrap -f .untrap/Procfile\n");
    assert_eq!(platform.text("app/.untrap/Procfile"), own);
    assert_eq!(platform.text("app/Procfile"), "web: untrap -f .untrap/Procfile\nrelease: touch released\n");

    // A dyno sources the profile scripts, then runs the command.
    let command = "for profile in .profile.d/*.sh; do . \"$profile\"; done; echo $UNTRAP_TIMEOUT; \
                   exec $(sed -n 's/^web: //p' Procfile)";
    let mut dyno = Command::new("/bin/bash");
    dyno.args(["-c", command]);
    assert_eq!(platform.runs_all(dyno).stdout, "25s\n");
}

#[test]
fn a_heroku_build_fails_on_a_bad_procfile() {
    let platform = Platform::new("buildpack-heroku", "web: true\nworker true\n");
    let output = platform.script("compile", "", &["app", "cache", "config"], &[]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("Procfile:2:1: no colon"), "{output:?}");
    // The build applies the config vars of the dyno.
    let platform = Platform::new("buildpack-heroku", "web: true | true\n");
    platform.scene.write("config/UNTRAP_SHELL", "none");
    let output = platform.script("compile", "", &["app", "cache", "config"], &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("web.1 needs a shell because of '|'"), "{output:?}");
    std::fs::remove_file(platform.scene.path("app/Procfile")).unwrap();
    assert_eq!(platform.script("detect", "", &["app"], &[]).status.code(), Some(1));
}

/// Runs a script of the Cloud Native Buildpack with the directories of its contract.
fn cnb(platform: &Platform, script: &str, arguments: &[&str]) -> Output {
    let path = |name| platform.scene.path(name);
    let variables = [
        ("CNB_BUILDPACK_DIR", platform.buildpack.clone()),
        ("CNB_PLATFORM_DIR", path("platform")),
        ("CNB_LAYERS_DIR", path("layers")),
        ("CNB_BP_PLAN_PATH", path("plan.toml")),
        ("CNB_BUILD_PLAN_PATH", path("plan.toml")),
    ];
    platform.script(script, "app", arguments, &variables)
}

#[test]
fn a_cloud_native_image_runs_all_process_types_in_its_default_process() {
    let platform = with_witnesses("buildpack-cnb");
    succeeds(&cnb(&platform, "detect", &["platform", "plan.toml"]));
    platform.scene.write("plan.toml", "");
    let output = succeeds(&cnb(&platform, "build", &["layers", "platform", "plan.toml"]));
    assert!(output.contains("web.1: ") && !output.contains("release.1"), "{output}");
    assert_eq!(platform.text("layers/untrap.toml"), "[types]\nlaunch = true\n");
    assert_eq!(
        platform.text("layers/launch.toml"),
        "[[processes]]\ntype = \"all\"\ncommand = [\"untrap\", \"-f\", \"Procfile\"]\ndefault = true\n"
    );

    // The launcher adds the bin directory of the layer to PATH and sets the defaults.
    assert_eq!(platform.text("layers/untrap/env.launch/UNTRAP_TIMEOUT.default"), "25s");
    let mut launcher = Command::new("env");
    launcher.arg(format!("PATH={}:/usr/bin:/bin", platform.scene.path("layers/untrap/bin").display()));
    launcher.args(["UNTRAP_TIMEOUT=25s", "untrap", "-f", "Procfile"]);
    platform.runs_all(launcher);
}

#[test]
fn a_cloud_native_build_fails_on_a_bad_procfile() {
    let platform = Platform::new("buildpack-cnb", "web: true\nweb: true\n");
    let output = cnb(&platform, "build", &["layers", "platform", "plan.toml"]);
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("Procfile:2:1: process type 'web' is already"),
        "{output:?}"
    );
    assert!(!platform.scene.path("layers/launch.toml").exists());
    platform.scene.write("app/Procfile", "web: true\n");
    platform.scene.write("platform/env/UNTRAP_FORMATION", "wep=1");
    let output = cnb(&platform, "build", &["layers", "platform", "plan.toml"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no process type 'wep'"), "{output:?}");
    std::fs::remove_file(platform.scene.path("app/Procfile")).unwrap();
    assert_eq!(cnb(&platform, "detect", &["platform", "plan.toml"]).status.code(), Some(100));
}

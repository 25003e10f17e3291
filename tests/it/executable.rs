//! Programs that cannot be executed: untrap looks at the file and says why, before any service starts if it can.

use std::fs::OpenOptions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{End, Scene, can_unshare, spawn};

/// The start of an ELF file for a machine, with this dynamic loader.
fn elf(machine: u16, is_little: bool, loader: &str) -> Vec<u8> {
    let two = |number: u16| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
    let four = |number: u32| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
    let eight = |number: u64| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
    let mut file = b"\x7fELF".to_vec();
    file.extend([2, if is_little { 1 } else { 2 }, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend([two(2), two(machine)].concat());
    file.extend(four(1));
    file.extend([eight(0), eight(64), eight(0)].concat());
    file.extend(four(0));
    file.extend([two(64), two(56), two(1), two(0), two(0), two(0)].concat());
    // PT_INTERP, after the headers.
    let length = loader.len() as u64 + 1;
    file.extend([four(3), four(4)].concat());
    file.extend([eight(120), eight(0), eight(0), eight(length), eight(length), eight(1)].concat());
    file.extend(loader.as_bytes());
    file.push(0);
    file
}

/// The machine of the tests in an ELF header.
fn own_machine() -> u16 {
    let program = std::fs::read("/proc/self/exe").unwrap();
    u16::from_ne_bytes([program[18], program[19]])
}

fn executable(scene: &Scene, name: &str, content: &[u8]) {
    let path = scene.write(name, content);
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// Runs a command beside another service.
fn run(scene: &Scene, command: &str) -> End {
    let _ = std::fs::remove_file(scene.path("started"));
    scene.run(&["touch started", &format!("x: {command}")])
}

#[test]
fn the_reason_why_a_program_cannot_be_executed_is_said_before_anything_starts() {
    let scene = Scene::new();
    let own = own_machine();
    executable(&scene, "crlf", b"#!/bin/sh\r\necho a\r\n");
    executable(&scene, "crlf-env", b"#!/usr/bin/env sh\r\necho a\r\n");
    executable(&scene, "interpreter", b"#!/no/such/python3 -u\nprint(1)\n");
    executable(&scene, "bom", b"\xef\xbb\xbf#!/bin/sh\necho a\n");
    executable(&scene, "loader", &elf(own, cfg!(target_endian = "little"), "/lib/ld-none.so.1"));
    scene.write("plain", "#!/bin/sh\n");
    std::fs::create_dir(scene.path("directory")).unwrap();
    for (command, status, message) in [
        ("./crlf", 127, "the first line of ./crlf has a Windows line end (CRLF)"),
        ("./crlf-env", 127, "the first line of ./crlf-env has a Windows line end (CRLF)"),
        ("./interpreter", 127, "the interpreter of ./interpreter does not exist: /no/such/python3;"),
        (
            "./loader",
            127,
            "the loader of ./loader does not exist: /lib/ld-none.so.1; the program is built for another C",
        ),
        ("./bom", 126, "./bom has a byte order mark before '#!'"),
        ("./plain", 126, "./plain is not executable; make it so with chmod +x ./plain"),
        ("./directory", 126, "./directory is a directory"),
        ("./none", 127, "there is no file ./none"),
        ("./plain/x", 127, "there is no file ./plain/x, because ./plain is not a directory"),
        ("PATH=/bin:/no no-such-program secret", 127, "program no-such-program not found in PATH (/bin:/no)"),
        ("cd directory && ../bom", 126, "../bom has a byte order mark"),
    ] {
        let end = run(&scene, command);
        let expected = format!("untrap: x can't start: {message}");
        assert!(end.messages[0].starts_with(&expected), "{command}: {end:?}");
        assert_eq!((end.status, end.messages.len()), (status, 1), "{command}: {end:?}");
        assert!(!end.messages[0].contains("secret") && !scene.path("started").exists(), "{command}: {end:?}");
    }
}

#[test]
fn a_program_for_another_machine_is_never_executed_by_the_shell() {
    let scene = Scene::new();
    let own = std::env::consts::ARCH;
    for (machine, is_little, name) in
        [(183, true, "aarch64"), (243, true, "riscv64"), (22, false, "s390x"), (8, false, "mips")]
    {
        if name == own {
            continue;
        }
        // A shell would execute this line.
        let file = [elf(machine, is_little, "/lib/ld.so.1"), b"\ntouch made\n".to_vec()].concat();
        executable(&scene, name, &file);
        let end = scene.run(&[&format!("./{name}")]);
        let message = format!("{name} can't start: ./{name} is built for {name}, and this machine is {own}");
        assert!(end.status == 126 && end.said(&message), "{end:?}");
        assert!(!scene.path("made").exists());
    }
}

#[test]
fn a_program_on_a_file_system_without_exec_is_diagnosed() {
    if !can_unshare() {
        return;
    }
    let scene = Scene::new();
    let directory = scene.path("mounted");
    std::fs::create_dir(&directory).unwrap();
    let script = "mount -t tmpfs -o noexec tmpfs mounted && cp /bin/true mounted/ && exec \"$0\" ./mounted/true";
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, env!("CARGO_BIN_EXE_untrap")]).current_dir(scene.path("."));
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("./mounted/true is on a file system that is mounted with noexec"), "{message}");
    assert_eq!(output.status.code(), Some(126));
}

#[test]
fn a_program_that_is_open_for_writing_is_diagnosed() {
    let scene = Scene::new();
    let program = scene.path("busy");
    std::fs::copy("/bin/true", &program).unwrap();
    let writer = OpenOptions::new().append(true).open(&program).unwrap();
    let child = spawn(scene.untrap().arg("./busy").stderr(std::process::Stdio::piped()));
    let output = child.wait_with_output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("busy can't start: ./busy is open for writing (text file busy)"), "{message}");
    assert_eq!(output.status.code(), Some(126));
    drop(writer);
}

#[test]
fn a_program_that_exists_only_at_its_start_is_executed() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.path("d/bin")).unwrap();
    scene.script("d/bin/unique", "#!/bin/sh\npwd > \"$OUT\"\n");
    scene.write("env", format!("PATH={}/bin:/usr/bin:/bin\n", scene.path("d").display()));
    let out = scene.path("out");
    let is_made = |path: &Path| std::fs::remove_file(path).is_ok();
    let make = "printf '#!/bin/sh\\npwd > \"$OUT\"\\n' > made; chmod +x made";
    for arguments in [
        &["--before", make, "./made"][..],
        &["cd d && bin/unique"],
        &["cd d; PATH=bin:/bin unique"],
        &["PATH=d/bin:/bin unique"],
    ] {
        let output = scene.untrap().args(arguments).env("OUT", &out).output().unwrap();
        assert!(output.status.success() && is_made(&out), "{arguments:?}: {output:?}");
    }
    let output = scene.untrap().args(["-e", "env", "unique"]).env("OUT", &out).env_remove("PATH").output().unwrap();
    assert!(output.status.success() && is_made(&out), "{output:?}");
}

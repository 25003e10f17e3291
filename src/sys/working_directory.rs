//! The change of the working directory before a program starts, as `cd` of sh makes it.

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use nix::errno::Errno;
use nix::sys::stat::stat;
use nix::unistd::{chdir, getcwd};

use super::environment::{self, Variable};

/// Changes to a directory relative to the current one by its logical path, as POSIX specifies `cd -L`, and returns the
/// variables that it sets.
///
/// # Errors
/// Those of getcwd(3) and chdir(2).
pub(super) fn change(operand: &OsStr, environment: &[&CStr]) -> nix::Result<[Variable; 2]> {
    let inherited = environment.iter().find(|variable| environment::name(variable) == Some(b"PWD"));
    let inherited = inherited.map(|variable| OsStr::from_bytes(&variable.to_bytes()[b"PWD=".len()..]));
    let old = match inherited.filter(|path| is_current(path)) {
        Some(path) => path.to_owned(),
        None => getcwd()?.into_os_string(),
    };
    let new = logical_path(&old, operand).ok_or(Errno::ENOENT)?;
    chdir(new.as_os_str())?;
    Ok([("PWD".into(), new), ("OLDPWD".into(), old)])
}

/// Whether the path leads to the current directory.
fn is_current(path: &OsStr) -> bool {
    let identity = |path: &OsStr| stat(path).map(|status| (status.st_dev, status.st_ino));
    path.as_bytes().starts_with(b"/") && identity(path).is_ok_and(|found| Ok(found) == identity(OsStr::new(".")))
}

/// The path of `operand` seen from `current`, without `.`, `..` and empty parts. `None` if `current` is not reachable.
fn logical_path(current: &OsStr, operand: &OsStr) -> Option<OsString> {
    let current = if operand.as_bytes().starts_with(b"/") { b"/" } else { current.as_bytes() };
    if !current.starts_with(b"/") {
        return None;
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in [current, operand.as_bytes()].into_iter().flat_map(|path| path.split(|byte| *byte == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    Some(OsString::from_vec([b"/", &parts.join(&b'/')[..]].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logical_path_has_no_dots_and_no_empty_parts() {
        for (current, operand, path) in [
            ("/", "a", "/a"),
            ("/a/b", "c//d/", "/a/b/c/d"),
            ("/a/b", "../c/.", "/a/c"),
            ("/a", "../../..", "/"),
            ("/a", "/b/./c", "/b/c"),
            ("(unreachable)/a", "/b", "/b"),
        ] {
            assert_eq!(logical_path(current.as_ref(), operand.as_ref()).unwrap(), path, "cd {operand} in {current}");
        }
        assert_eq!(logical_path("(unreachable)/a".as_ref(), "b".as_ref()), None);
    }
}

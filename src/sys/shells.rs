//! Detection of processes that run a shell, see proc(5).

use super::procfs::{ProcPath, start_of_file};

/// Programs that do not forward signals to the programs that they run.
const SHELLS: &[&str] = &["sh", "ash", "bash", "dash", "fish", "ksh", "ksh93", "mksh", "posh", "rbash", "yash", "zsh"];

/// Programs that are many programs, selected by the name they are called by.
const MULTI_CALL: &[&str] = &["busybox", "toybox"];

/// Whether the process runs a shell now. `None` if `/proc` does not show it.
///
/// Allocates nothing, because it is on the signal path.
#[must_use]
pub fn runs_shell(pid: i32) -> Option<bool> {
    let mut buffer = [0; libc::PATH_MAX as usize];
    let program = link(pid, &mut buffer).map(|path| path.strip_suffix(b" (deleted)").unwrap_or(path));
    match program.map(base_name) {
        Some(name) if is_one_of(name, MULTI_CALL) => {}
        Some(name) => return Some(is_one_of(name, SHELLS)),
        // The program of another user's process cannot be read, its arguments can.
        None => {}
    }
    let arguments = start_of_file(pid, "cmdline", &mut buffer)?;
    let mut names = arguments.split(|byte| *byte == 0).map(|word| base_name(word.strip_prefix(b"-").unwrap_or(word)));
    let called = names.find(|name| !is_one_of(name, MULTI_CALL)).filter(|name| !name.is_empty())?;
    Some(is_one_of(called, SHELLS))
}

/// Looks a process up once. The first access to a process in `/proc` allocates its entries; the second, when a signal is
/// sent to many services, costs less than half.
pub fn warm_up(pid: i32) {
    let _ = link(pid, &mut [0; 1]);
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| known.as_bytes() == name)
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The path of a process's program.
fn link(pid: i32, buffer: &mut [u8]) -> Option<&[u8]> {
    let path = ProcPath::new(pid, "exe")?;
    // SAFETY: `path` is a C string; `buffer` outlives the call and has this length.
    let length = unsafe { libc::readlink(path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(length).ok().map(|length| &buffer[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_no_shell() {
        assert_eq!(runs_shell(std::process::id() as i32), Some(false));
        assert_eq!(runs_shell(i32::MAX), None);
    }
}

//! An `ENTRYPOINT` in shell form: PID 1 is a shell, which passes no signals on.

use super::quote::json_list;

/// Returns the warning if PID 1 has these arguments, each ended by a NUL, and is untrap's parent.
pub(super) fn warning(cmdline: &[u8]) -> Option<String> {
    let arguments = str::from_utf8(cmdline).ok()?;
    let mut arguments = arguments.trim_end_matches('\0').split('\0');
    let (shell, option, script) = (arguments.next()?, arguments.next()?, arguments.next()?);
    let shell = shell.rsplit('/').next().filter(|name| name.ends_with("sh"))?;
    let program = script.split_ascii_whitespace().next()?;
    if option != "-c" || program.rsplit('/').next() != Some("untrap") {
        return None;
    }
    let is_plain = !script.contains(|character: char| "$`;&|<>()*?~#\\".contains(character));
    let words = shell_words::split(script).ok().filter(|_| is_plain);
    let list = words.and_then(|words| json_list(&words)).unwrap_or_else(|| "[\"untrap\", ...]".to_owned());
    Some(format!(
        "PID 1 is {shell}, which passes no signals on to untrap, so 'docker stop' kills all; write in the Dockerfile: \
         ENTRYPOINT {list}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_that_runs_untrap_is_warned_about() {
        let list = |cmdline: &str| {
            warning(cmdline.as_bytes()).and_then(|text| Some(text.split_once("ENTRYPOINT ")?.1.to_owned()))
        };
        assert_eq!(list("/bin/sh\0-c\0untrap 'web: puma' sidekiq\0").unwrap(), r#"["untrap", "web: puma", "sidekiq"]"#);
        assert_eq!(list("/bin/bash\0-c\0/usr/bin/untrap $OPTS x\0").unwrap(), "[\"untrap\", ...]");
        for other in
            ["untrap\0-c\0untrap\0", "/bin/sh\0/run.sh\0untrap\0", "/bin/sh\0-c\0run untrap\0", "/bin/sh\0", ""]
        {
            assert_eq!(list(other), None, "{other}");
        }
    }
}

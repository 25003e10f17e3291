//! Variables that begin with `UNTRAP_` and are no option's.

use crate::cli::spelling::nearest;

/// Variables that untrap sets itself, or that images set beside it.
const OWN: &[&str] = &["UNTRAP_NAME", "UNTRAP_PID", "UNTRAP_EXIT_CODE", "UNTRAP_SIGNAL", "UNTRAP_VERSION"];

/// Returns a warning for each name that is nearly that of an option's variable.
pub(super) fn warnings<'a>(names: impl IntoIterator<Item = &'a str>, options: &[&str]) -> Vec<String> {
    let is_unknown = |name: &&str| name.starts_with("UNTRAP_") && !OWN.contains(name) && !options.contains(name);
    let unknown = names.into_iter().filter(is_unknown);
    let near = unknown.filter_map(|name| Some((name, nearest(name, options.iter().copied())?)));
    near.map(|(name, option)| format!("{name} has no effect: no option has this variable; write {option}")).collect()
}

/// Whether this is a variable that Kubernetes sets for a Service named untrap, not the variable of an option.
pub(in crate::cli) fn is_service_link(name: &str, value: &str) -> bool {
    name.ends_with("_PORT") && value.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_variable_is_a_warning_and_no_other() {
        let options = ["UNTRAP_TIMEOUT", "UNTRAP_PORT", "UNTRAP_CWD"];
        let warned = |name: &str| warnings([name], &options);
        assert_eq!(
            warned("UNTRAP_TIMOUT"),
            ["UNTRAP_TIMOUT has no effect: no option has this variable; write UNTRAP_TIMEOUT"]
        );
        let others =
            ["UNTRAP_TIMEOUT", "UNTRAP_PID", "UNTRAP_SERVICE_HOST", "UNTRAP_PORT_80_TCP", "TIMOUT", "UNTRAP_X"];
        for name in others {
            assert_eq!(warned(name), [""; 0], "{name}");
        }
    }

    #[test]
    fn the_port_of_a_kubernetes_service_is_a_link() {
        assert!(is_service_link("UNTRAP_PORT", "tcp://10.0.0.1:80"));
        assert!(!is_service_link("UNTRAP_PORT", "5000") && !is_service_link("UNTRAP_WAIT_FOR", "tcp://db:80"));
    }
}

//! Reads the rows of `docs/switching.md` and checks that the tables are complete.

use std::process::Command;

use crate::PEERS;
use crate::stage::Stage;
use crate::support::skip;

const PAGE: &str = include_str!("../../docs/switching.md");
const TESTS: [&str; 4] =
    [include_str!("flagless.rs"), include_str!("tini.rs"), include_str!("dumb_init.rs"), include_str!("catatonit.rs")];

/// The rows of all tables: the code spans of the first cell and those of the second.
pub(crate) fn rows() -> Vec<[Vec<&'static str>; 2]> {
    let code = |cell: &'static str| cell.split('`').skip(1).step_by(2).collect::<Vec<_>>();
    let cells = |line: &'static str| line.strip_prefix("| ").map(|line| line.split(" | ").collect::<Vec<_>>());
    let rows = PAGE.lines().filter_map(cells).filter(|cells| cells.len() == 3);
    rows.map(|cells| [code(cells[0]), code(cells[1])]).filter(|[wrote, _]| !wrote.is_empty()).collect()
}

/// Returns the command lines of a row, without their program. Leaves out the peer if it is not installed.
#[track_caller]
pub(crate) fn row(peer: &'static str, untrap: &'static str) -> Vec<&'static str> {
    let is_documented = rows().iter().any(|row| row[0].contains(&peer) && row[1].contains(&untrap));
    assert!(is_documented, "docs/switching.md has no row with `{peer}` and `{untrap}`");
    if is_installed(peer_of(peer)) { vec![peer, untrap] } else { vec![untrap] }
}

/// Returns the command lines of several rows that share a scenario.
#[track_caller]
pub(crate) fn all_of(several: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    let mut lines: Vec<_> = several.iter().flat_map(|(peer, untrap)| row(peer, untrap)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The installed peers.
pub(crate) fn peers() -> impl Iterator<Item = &'static str> {
    PEERS.into_iter().filter(|peer| is_installed(peer))
}

/// The installed peers without flags, and this untrap command line.
#[track_caller]
pub(crate) fn peers_and(untrap: &'static str) -> Vec<&'static str> {
    assert!(PAGE.contains(&format!("`{untrap}`")), "docs/switching.md does not have `{untrap}`");
    peers().chain([untrap]).collect()
}

fn peer_of(line: &str) -> &'static str {
    PEERS.into_iter().find(|peer| line.split(' ').any(|word| word == *peer)).expect("a peer")
}

/// Whether this peer is installed. Reports a skipped comparison if it is not.
pub(crate) fn is_installed(peer: &str) -> bool {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let is_installed = std::env::split_paths(&directories).any(|directory| directory.join(peer).exists());
    if !is_installed {
        skip(&format!("{peer} is not installed, so it is not compared with untrap"));
    }
    is_installed
}

#[test]
fn every_flag_and_variable_that_the_peers_help_names_has_a_row() {
    for peer in peers() {
        let output = Command::new(peer).arg("-h").output().unwrap();
        let help = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let is_name = |word: &&str| word.starts_with('-') || word.starts_with("TINI_");
        let words = help.lines().filter_map(|line| line.strip_prefix("  ")).flat_map(|line| {
            let names = line.trim_start().split([' ', ',', ':']).filter(|word| !word.is_empty());
            names.take_while(is_name).collect::<Vec<_>>()
        });
        let mut names: Vec<_> = words.collect();
        names.extend(match peer {
            "dumb-init" => vec!["DUMB_INIT_SETSID", "DUMB_INIT_DEBUG"],
            "catatonit" => vec!["CATATONIT_DEBUG", "CATATONIT_LOG", "LISTEN_PID"],
            _ => vec![],
        });
        assert!(names.len() >= 8, "{peer}: {names:?}");
        for name in names {
            let names_it = |wrote: &&str| {
                let mut words = wrote.split([' ', '=']);
                wrote.split(' ').any(|word| word == peer) && words.any(|word| word == name)
            };
            assert!(rows().iter().any(|[wrote, _]| wrote.iter().any(names_it)), "no row for {name} of {peer}");
        }
    }
}

#[test]
fn every_row_is_tested() {
    for line in rows().into_iter().flatten().flatten() {
        let quoted = format!("\"{line}\"");
        assert!(TESTS.iter().any(|tests| tests.contains(&quoted)), "no test runs `{line}`");
    }
}

#[test]
fn a_flag_that_only_a_peer_has_is_refused_before_anything_starts() {
    let flags = "-s,-p SIGTERM,-w,-g,-e 143,-l,-c,--single-child,-r 15:3,--rewrite 15:0,-P,-L,-vv";
    for flag in flags.split(',') {
        let stage = Stage::here("untrap");
        let end = stage.run_whole(&format!("untrap {flag} -- touch started"));
        assert_eq!(end.status, 2, "{flag}");
        assert!(end.stderr.starts_with("untrap: ") && end.stdout.is_empty(), "{flag}: {end:?}");
        assert!(!stage.path("started").exists(), "{flag}");
    }
}

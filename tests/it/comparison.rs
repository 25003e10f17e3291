//! Tests that the benchmark `benches/compare` works. The measured times are not tested.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Scene, skip};

/// Whether this program is installed.
fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

#[test]
fn the_benchmark_prints_a_table_and_writes_json_and_a_chart() {
    if let Some(missing) = ["python3", "cc"].into_iter().find(|program| !is_installed(program)) {
        return skip(&format!("{missing} is not installed, so benches/compare is not tested"));
    }
    let scene = Scene::new();
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare"))
        .args(["--quick", "--only", "start", "--peer", "tini", "--untrap", env!("CARGO_BIN_EXE_untrap")])
        .args(["--json", "figures.json", "--svg", "figures.svg"])
        .current_dir(scene.path("."))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (table, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{table}{errors}");
    let row = table.lines().find(|line| line.trim_start().starts_with("untrap ") && line.contains("start"));
    assert!(row.is_some_and(|row| row.ends_with("1.00")), "the factor of untrap is not 1.00: {table}");
    let figures = std::fs::read_to_string(scene.path("figures.json")).unwrap();
    assert!(figures.contains("\"median\""), "{figures}");
    let chart = std::fs::read_to_string(scene.path("figures.svg")).unwrap();
    assert!(chart.starts_with("<svg") && chart.trim_end().ends_with("</svg>"), "{chart}");
}

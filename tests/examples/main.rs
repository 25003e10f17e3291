//! The pairs of `examples/`: how each script goes wrong when it is stopped as PID 1, and that the line of untrap does not.

mod log_tail;
mod pairs;
mod real;
mod run;
#[path = "../support/mod.rs"]
mod support;
mod uvicorn_nginx;

/// Others are for trying out, or for platforms.
fn is_pair(entry: &std::fs::DirEntry) -> bool {
    entry.path().join("entrypoint.sh").exists()
}

#[test]
fn the_page_has_a_row_for_each_pair() {
    let page = include_str!("../../examples/README.md");
    for pair in std::fs::read_dir(run::EXAMPLES).unwrap().map(Result::unwrap).filter(is_pair) {
        let name = pair.file_name().into_string().unwrap();
        assert!(page.contains(&format!("| [{name}]({name}) | ")), "examples/README.md has no row for {name}");
    }
}

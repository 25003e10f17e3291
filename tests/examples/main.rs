//! Tests the pairs of `examples/`: the script fails when it is stopped as PID 1, the untrap command line does not.

mod log_tail;
mod pairs;
mod real;
mod run;
#[path = "../support/mod.rs"]
mod support;
mod uvicorn_nginx;

/// Whether an example is a pair of a script and an untrap command line.
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

//! What must hold of the sources: `unsafe` has one place, and each use its reason.

use std::path::{Path, PathBuf};

/// How far above it the reason of an `unsafe` may begin.
const NEAR: usize = 5;

fn sources(directory: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// Whether code says `unsafe`, comments and the names of lints aside.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.split(|character: char| !character.is_alphanumeric() && character != '_').any(|word| word == "unsafe")
}

#[test]
fn unsafe_stands_in_the_system_layer_only_and_each_time_with_its_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = 0;
    for path in sources(&root.join("src")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let place = format!("{}:{}: {line}", path.display(), index + 1);
            let allows = line.contains("allow(unsafe_code");
            assert!(!allows || lines.get(index + 1) == Some(&"pub mod sys;"), "allowed where it may not be: {place}");
            if is_unsafe(line) {
                found += 1;
                assert!(path.starts_with(root.join("src/sys")), "not in src/sys: {place}");
                let near = &lines[index.saturating_sub(NEAR)..index];
                assert!(
                    near.iter().any(|line| ["// SAFETY: ", "/// # Safety"].iter().any(|mark| line.contains(mark))),
                    "without a reason: {place}"
                );
            }
        }
    }
    assert!(found > 0, "there is some, and it is found");
}

#[test]
fn the_wall_clock_is_read_for_what_people_read_and_never_for_a_deadline() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let reads_it = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        ["SystemTime", "CLOCK_REALTIME", "gettimeofday"].iter().any(|clock| text.contains(clock))
    };
    let mut readers: Vec<PathBuf> = sources(&src).into_iter().filter(reads_it).collect();
    readers.sort();
    // Times before lines and in messages, and the age of a pid file that no start time was written to.
    let expected = ["line.rs", "output/format.rs", "output/sink.rs", "pid_dir.rs"].map(|path| src.join(path));
    assert_eq!(readers, expected);
}

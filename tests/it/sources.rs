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
    let expected = ["log/line.rs", "output/format.rs", "output/sink.rs", "pid_dir/mod.rs"].map(|path| src.join(path));
    assert_eq!(readers, expected);
}

/// The folders of `src`, from the top down: each imports only from those below it.
const FOLDERS: &[&str] = &[
    "main",
    "cli",
    "runtime",
    "log",
    "pid_dir",
    "output",
    "supervisor",
    "config",
    "shell",
    "sys",
    "exit_status",
    "signal",
];

/// The paths that a file imports from this crate, each as `folder::module`.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let words = |line: &str| {
        line.split(['{', '}', ' ', ',', ';', '(', ')', '<', '>', '&', '[', ']']).map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = lines.flat_map(words).filter_map(|word| {
        let path = word.strip_prefix("crate::").or_else(|| word.strip_prefix("untrap::"))?;
        Some(path.to_owned())
    });
    paths.collect()
}

#[test]
fn each_folder_imports_only_from_folders_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let place = |name: &str| FOLDERS.iter().position(|folder| *folder == name);
    let mut found = 0;
    for path in sources(&src).into_iter().filter(|path| !path.ends_with("lib.rs")) {
        let inside = path.strip_prefix(&src).unwrap().with_extension("");
        let folder = inside.iter().next().unwrap().to_str().unwrap();
        let own = place(folder).unwrap_or_else(|| panic!("{folder} has no place in FOLDERS"));
        for import in imports(&std::fs::read_to_string(&path).unwrap()) {
            let Some(imported) = place(import.split("::").next().unwrap()) else { continue };
            found += 1;
            assert!(imported >= own, "{} imports {import}, which is above it", path.display());
        }
    }
    assert!(found > 50, "only {found} imports were found");
}

#[test]
fn no_module_imports_itself_through_others() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let modules: Vec<(String, String)> = sources(&src)
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&src).unwrap().with_extension("");
            let module = inside.to_str().unwrap().replace('/', "::");
            (module.trim_end_matches("::mod").to_owned(), std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    let owner = |import: &str| {
        let longest =
            modules.iter().filter(|(module, _)| import == module || import.starts_with(&format!("{module}::")));
        longest.map(|(module, _)| module.clone()).max_by_key(String::len)
    };
    // A module and the one that it is a part of may know each other.
    let is_part = |one: &str, other: &str| one.rsplit_once("::").is_some_and(|(parent, _)| parent == other);
    let mut edges: Vec<(String, String)> = Vec::new();
    for (module, text) in &modules {
        let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
        let mut paths = imports(text);
        let siblings = text.lines().filter_map(|line| line.trim_start().strip_prefix("use super::"));
        for sibling in siblings {
            let names = sibling.trim_end_matches(';').trim_matches(['{', '}']);
            let first = names.split("::").next().unwrap_or_default();
            let several: Vec<&str> = if names.contains("::") { vec![first] } else { names.split(", ").collect() };
            paths.extend(several.iter().map(|name| format!("{parent}::{name}")));
        }
        let owners = paths.iter().filter_map(|path| owner(path));
        let others = owners.filter(|other| other != module && !is_part(module, other) && !is_part(other, module));
        edges.extend(others.map(|other| (module.clone(), other)));
    }
    assert!(edges.len() > 50, "only {} imports were found", edges.len());
    // What imports nothing that is left can be in no circle.
    loop {
        let before = edges.len();
        let importers: Vec<String> = edges.iter().map(|(importer, _)| importer.clone()).collect();
        edges.retain(|(_, imported)| importers.contains(imported));
        if edges.len() == before {
            break;
        }
    }
    assert_eq!(edges, [], "these imports make a circle");
}

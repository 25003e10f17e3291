//! The imports of the source files, which no lint checks. Cargo.toml and clippy.toml have the other rules.

use std::path::{Path, PathBuf};

/// The files below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The folders of `src`, from the top down. Each one imports only from the folders below it.
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

/// The paths in this crate that a file names, outside of its tests and comments: `folder::module::item`.
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
    let level = |name: &str| FOLDERS.iter().position(|folder| *folder == name);
    let mut found = 0;
    for path in sources(&src).into_iter().filter(|path| !path.ends_with("lib.rs")) {
        let inside = path.strip_prefix(&src).unwrap().with_extension("");
        let folder = inside.iter().next().unwrap().to_str().unwrap();
        let own = level(folder).unwrap_or_else(|| panic!("FOLDERS does not contain {folder}"));
        for import in imports(&std::fs::read_to_string(&path).unwrap()) {
            let Some(imported) = level(import.split("::").next().unwrap()) else { continue };
            found += 1;
            assert!(imported >= own, "{} imports {import}, which is above it", path.display());
        }
    }
    assert!(found > 50, "only {found} imports were found");
}

#[test]
fn imports_form_no_circle() {
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
    // A module and its parent may import from each other.
    let is_child = |module: &str, parent: &str| module.rsplit_once("::").is_some_and(|(of, _)| of == parent);
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
        let others = owners.filter(|other| other != module && !is_child(module, other) && !is_child(other, module));
        edges.extend(others.map(|other| (module.clone(), other)));
    }
    assert!(edges.len() > 50, "only {} imports were found", edges.len());
    // A module without remaining imports is in no circle, so remove the imports of such modules.
    loop {
        let before = edges.len();
        let importers: Vec<String> = edges.iter().map(|(importer, _)| importer.clone()).collect();
        edges.retain(|(_, imported)| importers.contains(imported));
        if edges.len() == before {
            break;
        }
    }
    assert_eq!(edges, [], "these imports form a circle");
}

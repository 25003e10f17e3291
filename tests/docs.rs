//! The Markdown pages: each command runs, each link and path names a file, each manifest is valid.
//!
//! A block of `sh` runs line by line, with stand-ins for the programs that it names. Lines whose programs keep running are
//! stopped. A block that cannot run here gives the reason: `sh no-run: needs a cluster`. A block of `console` is
//! compared with the real output.

#[path = "support/mod.rs"]
mod support;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use support::{Scene, children, kill, skip, spawn, state, wait_for, witness};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Stand-ins that run until they are sent a stop signal.
const SERVERS: &[&str] = &[
    "./api",
    "./app",
    "./db",
    "./helper",
    "./web",
    "helper",
    "nginx",
    "php-fpm",
    "postgres",
    "puma",
    "redis-server",
    "sidekiq",
];
/// Stand-ins that exit with 0 at once.
const TASKS: &[&str] = &["./healthy", "./migrate", "./report", "warm-up"];
const PROCFILE: &str = "web: puma -p ${PORT:-8080}\nworker: sidekiq\nrelease: ./migrate\n";

/// A fenced block of a page.
struct Block {
    /// Page and line, for error messages.
    place: String,
    /// The text after the opening fence.
    info: String,
    lines: Vec<String>,
}

impl Block {
    /// The lines, each joined with its continuation lines.
    fn commands(&self) -> Vec<String> {
        let text = self.lines.join("\n").replace("\\\n", " ");
        text.lines().filter(|line| !line.trim_start().is_empty()).map(str::to_owned).collect()
    }
}

/// README, CONTRIBUTING, CHANGELOG, and all pages in `docs` and `examples`.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut directories: Vec<PathBuf> = ["docs", "examples"].map(|name| Path::new(ROOT).join(name)).into();
    while let Some(directory) = directories.pop() {
        for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                pages.push(path);
            }
        }
    }
    pages.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| Path::new(ROOT).join(name)));
    pages.sort();
    pages
}

fn read(page: &Path) -> String {
    std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()))
}

/// The blocks of all pages whose fence names this language.
fn blocks(language: &str) -> Vec<Block> {
    let mut found = Vec::new();
    for page in pages() {
        let name = page.strip_prefix(ROOT).unwrap().display().to_string();
        let mut open: Option<Block> = None;
        for (number, line) in read(&page).lines().enumerate() {
            match (line.strip_prefix("```"), open.take()) {
                (Some(info), None) => {
                    let place = format!("{name}:{}", number + 1);
                    open = Some(Block { place, info: info.to_owned(), lines: Vec::new() });
                }
                (Some(_), Some(block)) => found.push(block),
                (None, Some(mut block)) => {
                    block.lines.push(line.to_owned());
                    open = Some(block);
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{name}: a block is not closed");
    }
    found.retain(|block| block.info.split(' ').next() == Some(language));
    found
}

/// A directory in which the commands of the pages can run.
struct Stage(Scene);

impl Drop for Stage {
    fn drop(&mut self) {
        self.0.kill_all();
    }
}

impl Stage {
    fn new() -> Self {
        let scene = Scene::new();
        std::fs::create_dir(scene.path("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_untrap"), scene.path("bin/untrap")).unwrap();
        let path = |name: &str| name.strip_prefix("./").map_or_else(|| format!("bin/{name}"), str::to_owned);
        for name in SERVERS {
            let seen = scene.path("seen");
            scene.script(&path(name), &format!("#!/bin/sh\nexec {} {}\n", witness().display(), seen.display()));
        }
        for name in TASKS {
            scene.script(&path(name), "#!/bin/sh\n");
        }
        let nginx = std::fs::read_to_string(scene.path("bin/nginx")).unwrap();
        let quits = "#!/bin/sh\n[ \"$*\" = '-s quit' ] && exec kill -QUIT \"$UNTRAP_PID\"";
        scene.script("bin/nginx", &nginx.replacen("#!/bin/sh", quits, 1));
        scene.write("Procfile", PROCFILE);
        Self(scene)
    }

    fn shell(&self, line: &str) -> Command {
        let mut shell = self.0.program_in(support::Place::Subreaper, Path::new("/bin/sh"));
        let path = format!("{}:{}", self.0.path("bin").display(), std::env::var("PATH").unwrap());
        shell.args(["-c", line]).env("PATH", path).stdin(Stdio::null());
        shell
    }

    /// Runs a line until it exits. If untrap keeps running, it is sent SIGTERM once all services have started.
    fn run(&self, place: &str, line: &str) {
        let [out, _] = ["out", "seen"].map(|name| File::create(self.0.path(name)).unwrap());
        let mut shell = spawn(self.shell(line).stdout(out.try_clone().unwrap()).stderr(out));
        let printed = || std::fs::read_to_string(self.0.path("out")).unwrap();
        let mut stopped = false;
        let status = wait_for(&format!("'{line}' ({place}) exits"), || {
            let status = shell.try_wait().unwrap();
            if let (false, None, Some(untrap)) = (stopped, status, untrap_below(shell.id() as i32)) {
                stopped = printed().contains("started (pid") && self.is_serving(untrap);
                if stopped {
                    kill(untrap, "TERM");
                }
            }
            status
        });
        let (printed, code) = (printed(), status.code());
        let good: &[i32] = if stopped { &[0, 143] } else { &[0] };
        let bad_words = ["can't", "cannot", "killed"].into_iter().any(|word| printed.contains(word));
        assert!(code.is_some_and(|code| good.contains(&code)) && !bad_words, "{place}: '{line}': {status}\n{printed}");
    }

    /// Whether untrap sleeps and all of its children are servers that handle their stop signal.
    fn is_serving(&self, untrap: i32) -> bool {
        let started = children(untrap);
        let is_server = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == witness());
        let ready = self.0.lines("seen").iter().filter(|line| line.starts_with("ready")).count();
        ready > 0 && ready == started.len() && started.iter().all(is_server) && state(untrap) == "S"
    }

    /// Runs `untrap check` with the arguments of a command line.
    fn check(&self, line: &str) -> Output {
        output(&mut self.shell(&line.replacen("untrap", "untrap check --no-resolve", 1)))
    }
}

/// Runs the command and collects its output.
fn output(command: &mut Command) -> Output {
    spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped())).wait_with_output().unwrap()
}

/// The process itself if it is untrap, otherwise the first untrap among its descendants.
fn untrap_below(pid: i32) -> Option<i32> {
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let is_untrap = exe == Path::new(env!("CARGO_BIN_EXE_untrap"));
    if is_untrap { Some(pid) } else { children(pid).into_iter().find_map(untrap_below) }
}

#[test]
fn each_command_block_runs_or_gives_a_reason() {
    let mut ran = 0;
    for block in blocks("sh") {
        if let Some(note) = block.info.strip_prefix("sh ") {
            let reason = note.strip_prefix("no-run: ").filter(|reason| !reason.is_empty());
            let reason = reason.unwrap_or_else(|| panic!("{}: write 'sh' or 'sh no-run: REASON'", block.place));
            // The test runner captures the output of the macros, so write directly.
            std::io::stderr().write_all(format!("{} is not run: {reason}\n", block.place).as_bytes()).unwrap();
            continue;
        }
        let stage = Stage::new();
        for line in block.commands() {
            stage.run(&block.place, &line);
            ran += 1;
        }
    }
    assert!(ran >= 10, "only {ran} lines were found");
}

/// The line without PIDs and times, which differ between runs. Exit statuses stay.
fn without_numbers(line: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let is_number = word.starts_with(|first: char| first.is_ascii_digit()) && kept.last() != Some(&"status");
        match kept.last() {
            Some(&"N") if is_number => {}
            _ => kept.push(if is_number { "N" } else { word }),
        }
    }
    kept.join(" ")
}

/// Puts lines that follow each other and say that services have started into the order of their PIDs, which is the order
/// in which untrap has started them. The lines come when the programs are executed, which can be in another order.
fn sort_starts(lines: &mut [String]) {
    let started =
        |line: &String| -> Option<u32> { line.split_once(" started (pid ")?.1.strip_suffix(')')?.parse().ok() };
    for run in lines.chunk_by_mut(|line, next| started(line).is_some() && started(next).is_some()) {
        run.sort_by_key(started);
    }
}

#[test]
fn each_console_block_shows_what_is_printed() {
    for block in blocks("console") {
        let (command, shown) = block.lines.split_first().expect("a command");
        let line =
            command.strip_prefix("$ ").unwrap_or_else(|| panic!("{}: the first line begins with $", block.place));
        let stage = Stage::new();
        let out = File::create(stage.0.path("out")).unwrap();
        let mut shell = spawn(stage.shell(line).stdout(out.try_clone().unwrap()).stderr(out));
        wait_for(&format!("'{line}' exits"), || shell.try_wait().unwrap());
        let mut printed = stage.0.lines("out");
        sort_starts(&mut printed);
        let comparable = |lines: &[String]| lines.iter().map(|line| without_numbers(line)).collect::<Vec<_>>();
        assert_eq!(comparable(&printed), comparable(shown), "{}: {line}", block.place);
    }
}

#[test]
fn untrap_accepts_each_line_of_the_migration_pages() {
    let stage = Stage::new();
    stage.0.write(".env", "A=1\n");
    stage.0.write(".env.local", "A=2\n");
    for name in ["Procfile.dev", "./Procfile"] {
        stage.0.write(name, PROCFILE);
    }
    for page in ["from-bash", "from-foreman", "from-supervisord"] {
        let text = read(&Path::new(ROOT).join("docs").join(format!("{page}.md")));
        let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        let is_run = |span: &&str| {
            span.starts_with("untrap ")
                && !["untrap ps", "untrap signal", "untrap check"].iter().any(|it| span.starts_with(it))
        };
        let lines: Vec<_> = spans.filter(is_run).collect();
        assert!(lines.len() > 8, "docs/{page}.md has {} lines of untrap", lines.len());
        for line in lines {
            let output = stage.check(line);
            assert!(output.status.success(), "docs/{page}.md: `{line}`: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[test]
fn each_line_that_replaces_a_part_of_a_script_runs() {
    let elsewhere = ["--wait-for", "--pid-dir", "--user", "/srv"];
    let page = read(&Path::new(ROOT).join("docs/from-bash.md"));
    let rows = page.lines().filter_map(|line| line.split(" | `untrap ").nth(1)?.split('`').next());
    let rows: Vec<_> = rows.filter(|row| !elsewhere.iter().any(|it| row.contains(it))).collect();
    assert!(rows.len() > 12, "only {} rows were found", rows.len());
    for row in rows {
        let stage = Stage::new();
        stage.0.write(".env", "A=1\n");
        stage.run("docs/from-bash.md", &format!("untrap {row}"));
    }
}

#[test]
fn untrap_accepts_each_entrypoint() {
    let stage = Stage::new();
    let mut found = 0;
    for block in blocks("dockerfile") {
        for line in block.commands() {
            let Some(words) = line.strip_prefix("ENTRYPOINT ") else { continue };
            let words: Vec<String> = serde_json::from_str(words).unwrap_or_else(|it| panic!("{}: {it}", block.place));
            let output = stage.check(&shell_words::join(words));
            assert!(output.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&output.stderr));
            found += 1;
        }
    }
    assert!(found > 0);
}

/// The targets of `[text](target)` on a page, outside of blocks and code spans.
fn links(text: &str) -> Vec<String> {
    let outside_of_blocks = text.split("\n```").step_by(2);
    let outside_of_code = outside_of_blocks.flat_map(|part| part.split('`').step_by(2).collect::<Vec<_>>());
    let targets = |part: &str| -> Vec<String> {
        part.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
    };
    // A code span as the text of a link leaves the `](` and the target outside.
    outside_of_code.flat_map(targets).collect()
}

#[test]
fn each_relative_link_names_a_file() {
    let mut found = 0;
    for page in pages() {
        for link in links(&read(&page)).into_iter().filter(|link| !link.contains("://") && !link.starts_with('#')) {
            found += 1;
            let file = page.with_file_name(link.split('#').next().unwrap());
            // Pictures are generated from measurements and can be missing.
            let is_picture = file.extension().is_some_and(|it| it == "svg");
            assert!(is_picture || file.exists(), "{}: {link} does not exist", page.display());
        }
    }
    assert!(found > 20, "only {found} links were found");
}

#[test]
fn each_path_that_a_page_names_exists() {
    let mut found = 0;
    for page in pages() {
        let text = read(&page);
        let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
        let is_path = |span: &&str| {
            ["src/", "tests/", "man/"].iter().any(|folder| span.starts_with(folder)) && !span.contains(' ')
        };
        for path in spans.filter(is_path) {
            found += 1;
            assert!(Path::new(ROOT).join(path).exists(), "{}: {path} does not exist", page.display());
        }
    }
    assert!(found > 50, "only {found} paths were found");
}

#[test]
fn each_option_is_in_the_readme() {
    let help = Scene::new().run(&["--help"]).stdout;
    let text = read(&Path::new(ROOT).join("README.md"));
    let listed: Vec<_> = text.lines().filter(|line| line.starts_with("| `-")).collect();
    let is_name = |word: &&str| word.starts_with("--") && word.len() > 2;
    let names = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .filter_map(|line| line.split([' ', ',']).find(is_name));
    let others = ["--generate", "--help", "--version"];
    let missing: Vec<_> = names
        .filter(|name| !others.contains(name))
        .filter(|name| !listed.iter().any(|line| line.contains(&format!("`{name}"))))
        .collect();
    assert!(listed.len() > 20 && missing.is_empty(), "the table of the README lacks {missing:?}");
}

#[test]
fn each_footnote_of_the_readme_has_a_text() {
    let text = read(&Path::new(ROOT).join("README.md"));
    let names = |from: &str| -> Vec<String> {
        from.split("[^").skip(1).map(|rest| rest.split(']').next().unwrap().to_owned()).collect()
    };
    for name in names(&text) {
        assert!(text.contains(&format!("\n[^{name}]: ")), "[^{name}] has no text");
    }
}

#[test]
fn each_manifest_follows_its_schema_and_waits_longer_than_untrap() {
    let python = Path::new(ROOT).join("target/python/bin/python");
    if !python.exists() {
        return skip(
            "target/python has no Python with the schemas, so the manifests are not checked: python3 -m venv \
             target/python && target/python/bin/pip install -r tests/requirements.txt",
        );
    }
    let script = Path::new(ROOT).join("tests/manifests");
    let output = output(Command::new(python).arg(script).arg(env!("CARGO_BIN_EXE_untrap")));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

//! `untrap ps`: the services of a running untrap and their resource usage.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::running::{RunningInstance, RunningService, VerbError};
use super::values::OptionValues;
use super::{Request, UsageError};
use crate::sys::{clock, process_groups, terminal};

const KIBIBYTE: u64 = 1024;

/// The values of `untrap ps`.
#[derive(Debug)]
pub struct PsRequest {
    pid_dir: Option<PathBuf>,
    is_json: bool,
}

pub(super) fn read(values: &OptionValues) -> Result<Request, UsageError> {
    Ok(Request::Ps(PsRequest { pid_dir: values.path("pid-dir")?, is_json: values.switch("json") }))
}

impl PsRequest {
    /// Returns the text to print.
    ///
    /// # Errors
    /// Fails if no untrap runs with the pid directory, or if the system denies access.
    pub fn run(&self) -> Result<String, VerbError> {
        let services = RunningInstance::find(self.pid_dir.as_deref())?.services;
        let rows: Vec<Row> = services.iter().map(Row::of).collect();
        Ok(if self.is_json { json(&rows) } else { table(&rows, terminal::columns()) })
    }
}

/// A row of the table.
struct Row<'a> {
    name: &'a str,
    state: &'static str,
    running: Option<Figures>,
}

/// The figures of a running service.
struct Figures {
    pid: i32,
    uptime: Option<Duration>,
    restarts: u32,
    cpu: Duration,
    memory: u64,
    processes: usize,
    command: Vec<String>,
}

impl<'a> Row<'a> {
    fn of(service: &'a RunningService) -> Self {
        let leader = service.leader();
        let state = match (&service.record, leader) {
            (None, _) => "not running",
            // The leader has exited; processes of its group remain.
            (Some(_), None) => "ending",
            (Some(_), Some(leader)) if leader.stopped => "stopped",
            (Some(_), Some(_)) => "running",
        };
        let running = service.record.as_ref().map(|record| Figures {
            pid: record.pid,
            uptime: record.start_ticks.map(clock::age),
            restarts: record.restarts,
            cpu: service.members.iter().map(|member| member.cpu).sum(),
            memory: service.members.iter().map(|member| member.memory).sum(),
            processes: service.members.iter().filter(|member| !member.process.is_zombie()).count(),
            command: process_groups::command_line(record.pid),
        });
        Self { name: &service.name, state, running }
    }

    fn cells(&self) -> [String; 9] {
        let dash = || "-".to_owned();
        let Some(figures) = &self.running else {
            let mut cells = std::array::from_fn(|_| dash());
            (cells[0], cells[2]) = (self.name.to_owned(), self.state.to_owned());
            return cells;
        };
        [
            self.name.to_owned(),
            figures.pid.to_string(),
            self.state.to_owned(),
            figures.uptime.map_or_else(dash, coarse),
            figures.restarts.to_string(),
            figures.processes.to_string(),
            format!("{:.1}s", figures.cpu.as_secs_f64()),
            size(figures.memory),
            match figures.command.as_slice() {
                [] => dash(),
                // A program that has replaced its arguments by a title, as redis does.
                [title] if title.contains(' ') => printable(title),
                words => printable(&shell_words::join(words)),
            },
        ]
    }

    fn object(&self) -> Value {
        let figures = self.running.as_ref();
        json!({
            "name": self.name,
            "state": self.state,
            "pid": figures.map(|figures| figures.pid),
            "uptime_seconds": figures.and_then(|figures| figures.uptime).map(|uptime| uptime.as_secs_f64()),
            "restarts": figures.map(|figures| figures.restarts),
            "processes": figures.map(|figures| figures.processes),
            "cpu_seconds": figures.map(|figures| figures.cpu.as_secs_f64()),
            "memory_bytes": figures.map(|figures| figures.memory),
            "command": figures.map(|figures| &figures.command),
        })
    }
}

fn json(rows: &[Row]) -> String {
    format!("{}\n", Value::Array(rows.iter().map(Row::object).collect()))
}

const HEADINGS: [&str; 9] = ["NAME", "PID", "STATE", "UPTIME", "RESTARTS", "PROCESSES", "CPU", "MEMORY", "COMMAND"];

/// Whether a column is aligned to the right.
const TO_THE_RIGHT: [bool; 9] = [false, true, false, true, true, true, true, true, false];

/// Cuts the lines at `columns`, the width of the terminal.
fn table(rows: &[Row], columns: Option<usize>) -> String {
    let lines: Vec<[String; 9]> =
        std::iter::once(HEADINGS.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    let widths: [usize; 9] =
        std::array::from_fn(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for line in lines {
        let start = text.len();
        for ((cell, width), right) in line.iter().zip(widths).zip(TO_THE_RIGHT) {
            // Writing to a String cannot fail.
            let _ = if right { write!(text, "{cell:>width$}  ") } else { write!(text, "{cell:width$}  ") };
        }
        let end = columns.and_then(|columns| text[start..].char_indices().nth(columns)).map(|(end, _)| start + end);
        text.truncate(end.unwrap_or(text.len()));
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

/// The two largest units of a duration: `3d 4h`, `2m 5s`, `0s`.
fn coarse(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [("d", seconds / 86_400), ("h", seconds / 3600 % 24), ("m", seconds / 60 % 60), ("s", seconds % 60)];
    let first = units.iter().position(|(_, count)| *count > 0).unwrap_or(3);
    let shown: Vec<String> = units[first..].iter().take(2).map(|(unit, count)| format!("{count}{unit}")).collect();
    shown.join(" ")
}

/// A size in units of 1024 bytes or more: `3.0M`.
fn size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / KIBIBYTE, "K");
    for larger in ["M", "G", "T"] {
        if tenths >= 10_000 {
            (tenths, unit) = (tenths / KIBIBYTE, larger);
        }
    }
    format!("{}.{}{unit}", tenths / 10, tenths % 10)
}

/// Replaces control characters, because a terminal would act on those in an argument.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '?' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_short() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (125, "2m 5s"), (7200, "2h 0m"), (273_600, "3d 4h")] {
            assert_eq!(coarse(Duration::from_secs(seconds)), text);
        }
        for (bytes, text) in
            [(0, "0.0K"), (1_023_000, "999.0K"), (1 << 20, "1.0M"), (3 << 29, "1.5G"), (1 << 43, "8.0T")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_table_is_aligned_and_has_no_control_characters() {
        let figures = Figures {
            pid: 7,
            uptime: Some(Duration::from_secs(61)),
            restarts: 2,
            cpu: Duration::from_millis(1234),
            memory: 3 << 20,
            processes: 3,
            command: vec!["sh".into(), "-c".into(), "a\x1b[2J\nb".into()],
        };
        let rows = [
            Row { name: "web.1", state: "running", running: Some(figures) },
            Row { name: "worker.10", state: "not running", running: None },
        ];
        assert_eq!(table(&rows, Some(31)).lines().nth(1), Some("web.1        7  running       1"));
        assert_eq!(
            table(&rows, None),
            "NAME       PID  STATE        UPTIME  RESTARTS  PROCESSES   CPU  MEMORY  COMMAND\n\
             web.1        7  running       1m 1s         2          3  1.2s    3.0M  sh -c 'a?[2J?b'\n\
             worker.10    -  not running       -         -          -     -       -  -\n"
        );
    }

    #[test]
    fn json_has_the_same_keys_for_all_and_exact_values() {
        let row = Row { name: "web", state: "not running", running: None };
        let object = row.object();
        assert_eq!((&object["name"], &object["pid"]), (&json!("web"), &Value::Null));
        assert_eq!(object.as_object().unwrap().len(), HEADINGS.len());
    }
}

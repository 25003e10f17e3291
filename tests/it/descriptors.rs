//! Standard input, output and error that are closed when untrap starts.

use std::process::Command;

use crate::support::{Place, Running, Scene};

#[test]
fn a_closed_standard_stream_is_replaced_by_dev_null() {
    let scene = Scene::new();
    let show = scene.script("show", "#!/bin/sh\nfor fd in 0 1 2; do readlink /proc/$PPID/fd/$fd; done > shown\n");
    let line = format!("exec {} -- {} <&- >&- 2>&-", env!("CARGO_BIN_EXE_untrap"), show.display());
    let end = Running::new(Place::Subreaper, Command::new("sh").args(["-c", &line]).current_dir(scene.path("."))).end();
    assert_eq!(end.status, 0);
    assert_eq!(scene.lines("shown"), ["/dev/null"; 3]);
}

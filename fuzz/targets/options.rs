//! Parses the values of options. A valid value that is displayed and parsed again stays the same.

#![no_main]

use std::fmt::Debug;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use untrap::config::name::Name;
use untrap::config::policy::{Delay, OnExit, SignalTo, Timeout};
use untrap::config::scoped::Scoped;
use untrap::config::target::Target;
use untrap::config::user::User;
use untrap::exit_status::ExitMapping;
use untrap::signal::{Rewrite, Signal};

/// Checks that a value with a NAME before it applies to that NAME only.
fn check_scope<T: FromStr<Err: Debug> + PartialEq + Debug>(text: &str) {
    let [web, another, worker] = ["web.1", "web.2", "worker.1"].map(|name| Name::read(name).unwrap());
    let Ok(value) = text.parse::<T>() else { return };
    let read = |text: String| {
        let mut values = Scoped::<T>::default();
        values.read(&text).expect("a valid value with a NAME is valid");
        values
    };
    let (of_type, of_instance) = (read(format!("web={text}")), read(format!("web.1={text}")));
    assert_eq!([&web, &another, &worker].map(|name| of_type.get(name)), [Some(&value), Some(&value), None]);
    assert_eq!([&web, &another, &worker].map(|name| of_instance.get(name)), [Some(&value), None, None]);
    assert_eq!((of_type.unknown(&[worker]), of_instance.unknown(&[another])), (Name::read("web").as_ref(), Some(&web)));
}

fuzz_target!(|text: &str| {
    if let Ok(signal) = text.parse::<Signal>() {
        assert_eq!(signal.to_string().parse(), Ok(signal));
        assert_eq!(signal.number().to_string().parse(), Ok(signal));
    }
    match (text.parse(), text.parse()) {
        (Ok(Timeout(Some(timeout))), delay) => {
            assert!(std::time::Instant::now().checked_add(timeout).is_some(), "a deadline overflows the clock");
            assert_eq!(delay, Ok(Delay(timeout)));
        }
        (_, delay) => assert!(delay.is_err(), "an infinite delay is accepted"),
    }
    if let Ok(Rewrite { from, to }) = text.parse() {
        assert_eq!(Rewrite::apply(&[Rewrite { from, to }], from), to);
    }
    if let Ok(mapping) = text.parse::<ExitMapping>() {
        assert_eq!(ExitMapping::apply(&[mapping], mapping.from), mapping.to);
    }
    if let Some(name) = Name::read(text) {
        assert_eq!(Name::read(&name.to_string()), Some(name));
    }
    match text.parse::<Target>() {
        Ok(Target::Exec(_)) | Err(_) => {}
        Ok(target) => assert_eq!(target.to_string().parse(), Ok(target)),
    }
    if let Ok(user) = text.parse::<User>() {
        // The kernel takes the largest number as "leave the id unchanged".
        let is_id = |id: &str| id.parse::<u32>().is_ok_and(|id| id != u32::MAX);
        assert_eq!(user.resolve("", "").is_ok(), text.split(':').all(is_id), "numeric ids need no file, names do");
        // Use the text as the contents of both files as well: no content may panic.
        let _ = user.resolve(text, text);
    }
    check_scope::<Timeout>(text);
    check_scope::<Signal>(text);
    check_scope::<OnExit>(text);
    check_scope::<SignalTo>(text);
    check_scope::<Target>(text);
    check_scope::<User>(text);
});

//! The values of options: read, or refused with a reason; what untrap shows of them means the same when it is read again.

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

/// A value with a name before it is that name's alone.
fn has_scope<T: FromStr<Err: Debug> + PartialEq + Debug>(text: &str) {
    let [web, another, worker] = ["web.1", "web.2", "worker.1"].map(|name| Name::read(name).unwrap());
    let Ok(value) = text.parse::<T>() else { return };
    let read = |text: String| {
        let mut values = Scoped::<T>::default();
        values.read(&text).expect("a name before it makes it no worse");
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
            assert!(std::time::Instant::now().checked_add(timeout).is_some(), "a deadline fits the clock");
            assert_eq!(delay, Ok(Delay(timeout)));
        }
        (_, delay) => assert!(delay.is_err(), "what never comes is no delay"),
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
        // The last number means "as it is" to the kernel.
        let is_id = |id: &str| id.parse::<u32>().is_ok_and(|id| id != u32::MAX);
        assert_eq!(user.resolve("", "").is_ok(), text.split(':').all(is_id), "numbers need no file, and names do");
        // The text as a file of its own: anything may be in it.
        let _ = user.resolve(text, text);
    }
    has_scope::<Timeout>(text);
    has_scope::<Signal>(text);
    has_scope::<OnExit>(text);
    has_scope::<SignalTo>(text);
    has_scope::<Target>(text);
    has_scope::<User>(text);
});

//! The values of options: read, or refused with a reason; a signal's name names it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use untrap::policy::{OnExit, SignalTo, Timeout};
use untrap::scoped::{Name, Scoped};
use untrap::signal::{Rewrite, Signal};
use untrap::status::ExitMapping;
use untrap::target::Target;
use untrap::user::User;

fuzz_target!(|text: &str| {
    if let Ok(signal) = text.parse::<Signal>() {
        assert_eq!(signal.to_string().parse(), Ok(signal));
        assert_eq!(signal.number().to_string().parse(), Ok(signal));
    }
    if let Ok(Timeout(Some(timeout))) = text.parse() {
        assert!(std::time::Instant::now().checked_add(timeout).is_some(), "a deadline fits the clock");
    }
    if let Ok(Rewrite { from, to }) = text.parse() {
        assert_eq!(Rewrite::apply(&[Rewrite { from, to }], from), to);
    }
    if let Ok(mapping) = text.parse::<ExitMapping>() {
        assert_eq!(ExitMapping::apply(&[mapping], mapping.from), mapping.to);
    }
    let name = Name { process_type: "web".to_owned(), instance: Some(1) };
    let mut timeouts = Scoped::<Timeout>::default();
    if timeouts.read(text).is_ok() && timeouts.unknown(std::slice::from_ref(&name)).is_none() {
        assert!(timeouts.get(&name).is_some() || text.contains('.'), "only another instance's is not for this one");
    }
    let _ = text.parse::<Target>();
    let _ = text.parse::<User>();
    let _ = Scoped::<OnExit>::default().read(text);
    let _ = Scoped::<SignalTo>::default().read(text);
});

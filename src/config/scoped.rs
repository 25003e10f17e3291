//! Values of options that can differ between services: `[NAME=]VALUE`.

use std::str::FromStr;

use super::name::{Name, name_after_program};

/// The values of one option, in the order in which they were given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scoped<T>(Vec<(Option<Name>, T)>);

impl<T> Default for Scoped<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: FromStr> Scoped<T> {
    /// Parses and adds a `[NAME=]VALUE`.
    ///
    /// # Errors
    /// Fails if the value cannot be parsed.
    pub fn read(&mut self, text: &str) -> Result<(), T::Err> {
        let (scope, value) = split_scope(text);
        self.0.push((scope, value.parse()?));
        Ok(())
    }
}

impl<T: FromStr> Scoped<T> {
    /// Parses and adds a `[NAME=]FROM=TO`: of two `=`, the first ends the NAME.
    ///
    /// # Errors
    /// Fails if the value cannot be parsed.
    pub fn read_pair(&mut self, text: &str) -> Result<(), T::Err> {
        if text.matches('=').count() > 1 {
            return self.read(text);
        }
        self.0.push((None, text.parse()?));
        Ok(())
    }
}

/// Returns the name of the service if the NAME of a `NAME=VALUE` is that of its program, which cannot be a name.
#[must_use]
pub fn program_as_name<T: FromStr>(text: &str) -> Option<(&str, String)> {
    let (program, value) = text.split_once('=')?;
    let is_mistaken = !program.is_empty() && Name::read(program).is_none() && value.parse::<T>().is_ok();
    let name = program.rsplit('/').next().unwrap_or_default();
    is_mistaken.then(|| (program, name_after_program(name)))
}

impl<T> Scoped<T> {
    /// Returns the value for this service: that for its name, else that for its process type, else that for all
    /// services. If several values have the same NAME, the last one wins.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&T> {
        let last = |wanted: &dyn Fn(Option<&Name>) -> bool| {
            self.0.iter().rev().find(|(scope, _)| wanted(scope.as_ref())).map(|(_, value)| value)
        };
        last(&|scope| scope == Some(name))
            .or_else(|| last(&|scope| scope.is_some_and(|scope| name.is_in(scope))))
            .or_else(|| self.for_all())
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the value for all services.
    #[must_use]
    pub fn for_all(&self) -> Option<&T> {
        self.0.iter().rev().find(|(scope, _)| scope.is_none()).map(|(_, value)| value)
    }

    /// Returns all values for all services.
    #[must_use]
    pub fn all_for_all(&self) -> Vec<T>
    where
        T: Clone,
    {
        self.0.iter().filter(|(scope, _)| scope.is_none()).map(|(_, value)| value.clone()).collect()
    }

    /// Returns each value with its NAME.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&Name>, &T)> {
        self.0.iter().map(|(scope, value)| (scope.as_ref(), value))
    }

    /// Returns the first NAME that is neither one of `names` nor the process type of one.
    #[must_use]
    pub fn unknown<'a>(&'a self, names: &[Name]) -> Option<&'a Name> {
        let scopes = self.0.iter().filter_map(|(scope, _)| scope.as_ref());
        scopes.into_iter().find(|scope| !names.iter().any(|name| name.is_in(scope)))
    }
}

/// Splits `NAME=VALUE` or `NAME.1=VALUE`. If the text before the first `=` is not a name, it belongs to the value.
fn split_scope(text: &str) -> (Option<Name>, &str) {
    let scope = text.split_once('=').and_then(|(scope, value)| Some((Name::read(scope)?, value)));
    scope.map_or((None, text), |(name, value)| (Some(name), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Rewrite;

    fn scoped(values: &[&str]) -> Scoped<u32> {
        let mut scoped = Scoped::default();
        for value in values {
            scoped.read(value).unwrap();
        }
        scoped
    }

    fn name(text: &str) -> Name {
        Name::read(text).unwrap()
    }

    #[test]
    fn the_more_exact_value_wins_in_any_position() {
        let values = scoped(&["web.2=3", "web=2", "1"]);
        assert_eq!(values.get(&name("worker.1")), Some(&1));
        assert_eq!(values.get(&name("web.1")), Some(&2));
        assert_eq!(values.get(&name("web.2")), Some(&3));
    }

    #[test]
    fn of_equally_exact_values_the_last_wins() {
        let values = scoped(&["1", "web=2", "web=3", "4"]);
        assert_eq!(values.get(&name("web.1")), Some(&3));
        assert_eq!(values.get(&name("worker")), Some(&4));
        assert_eq!(scoped(&[]).get(&name("web")), None);
    }

    #[test]
    fn an_unknown_name_is_found() {
        let names = [name("web.1"), name("web.2"), name("sidekiq")];
        assert_eq!(scoped(&["1", "web=1", "web.2=1", "sidekiq=1"]).unknown(&names), None);
        assert_eq!(scoped(&["web.3=1"]).unknown(&names), Some(&name("web.3")));
        assert_eq!(scoped(&["wep=1"]).unknown(&names), Some(&name("wep")));
    }

    #[test]
    fn the_number_of_equals_signs_decides_whether_a_pair_has_a_name() {
        let mut values = Scoped::<Rewrite>::default();
        for text in ["HUP=QUIT", "web=HUP=USR1", "TERM=none"] {
            values.read_pair(text).unwrap();
        }
        let read: Vec<String> = values.iter().map(|(scope, value)| format!("{scope:?} {value}")).collect();
        let web = Some(name("web"));
        assert_eq!(
            read,
            ["None SIGHUP=SIGQUIT".to_owned(), format!("{web:?} SIGHUP=SIGUSR1"), "None SIGTERM=none".to_owned()]
        );
        for text in ["HUP", "web=HUP", "a=web=HUP=QUIT", "web=HUP=QUIT="] {
            assert!(values.read_pair(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_keeps_its_own_equals_signs() {
        assert_eq!(split_scope("web=a=b"), (Some(name("web")), "a=b"));
        assert_eq!(split_scope("/x=y"), (None, "/x=y"));
    }
}

//! Whom a service runs as: `--user USER[:GROUP]`, looked up in passwd(5) and group(5) files.
//!
//! The files are read here and not through the C library: a static binary has no name service switch, and an image may
//! have neither file, which is fine for numeric ids.

use std::fmt;
use std::str::FromStr;

use crate::sys::credentials::Identity;

/// A user as it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    user: String,
    group: Option<String>,
}

impl FromStr for User {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        if user.is_empty() || group.is_some_and(|group| group.is_empty() || group.contains(':')) {
            return Err("not USER or USER:GROUP; write names or numbers, for example www-data or 1000:1000");
        }
        Ok(Self { user: user.to_owned(), group: group.map(str::to_owned) })
    }
}

/// There is no such user or group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UserError {
    /// No user of this name.
    NoUser(String),
    /// No group of this name.
    NoGroup(String),
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name, file) = match self {
            Self::NoUser(name) => ("user", name, "/etc/passwd"),
            Self::NoGroup(name) => ("group", name, "/etc/group"),
        };
        write!(f, "--user: there is no {what} '{name}' in {file}; add it there, or write its number")
    }
}

impl std::error::Error for UserError {}

impl User {
    /// Looks the user up where the system keeps them.
    ///
    /// # Errors
    /// A name that is not there.
    pub fn look_up(&self) -> Result<Identity, UserError> {
        // Numbers need neither file.
        let read = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        self.resolve(&read("/etc/passwd"), &read("/etc/group"))
    }

    /// Looks the user up in the texts of a passwd(5) and a group(5) file, each empty where there is none.
    ///
    /// A number that the file does not have is taken as it is: its group has the same number, its home is `/`.
    ///
    /// # Errors
    /// A name that is not there.
    pub fn resolve(&self, passwd: &str, group: &str) -> Result<Identity, UserError> {
        let number = self.user.parse::<u32>().ok();
        let line = passwd.lines().filter_map(Passwd::read).find(|line| line.name == self.user);
        let line = line.or_else(|| passwd.lines().filter_map(Passwd::read).find(|line| Some(line.uid) == number));
        let Some(uid) = line.as_ref().map(|line| line.uid).or(number) else {
            return Err(UserError::NoUser(self.user.clone()));
        };
        let name = line.as_ref().map_or(self.user.as_str(), |line| line.name);
        let (gid, groups) = if let Some(name) = &self.group {
            // As for docker run: who names the group wants no other.
            let gid = group_id(group, name).ok_or_else(|| UserError::NoGroup(name.clone()))?;
            (gid, vec![gid])
        } else {
            let gid = line.as_ref().map_or(uid, |line| line.gid);
            let others = group.lines().filter_map(|line| membership(line, name)).filter(|id| *id != gid);
            (gid, std::iter::once(gid).chain(others).collect())
        };
        // To the kernel this number means "as it is".
        if uid == u32::MAX || groups.contains(&u32::MAX) {
            return Err(UserError::NoUser(self.user.clone()));
        }
        let home = line.as_ref().map_or("/", |line| line.home).to_owned();
        Ok(Identity { uid, gid, groups, name: name.to_owned(), home })
    }
}

/// What matters here of a line of a passwd(5) file.
struct Passwd<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Passwd<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let &[name, _, uid, gid, _, home, ..] = fields.as_slice() else { return None };
        Some(Self { name, uid: uid.parse().ok()?, gid: gid.parse().ok()?, home })
    }
}

fn group_id(group: &str, wanted: &str) -> Option<u32> {
    let named = group.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(wanted)).then(|| fields.nth(1)?.parse().ok())?
    });
    named.or_else(|| wanted.parse().ok())
}

/// The id of a line's group, if the user is a member.
fn membership(line: &str, user: &str) -> Option<u32> {
    let fields: Vec<&str> = line.split(':').collect();
    let &[_, _, gid, members] = fields.as_slice() else { return None };
    members.split(',').any(|member| member.trim() == user).then(|| gid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:34:Web:/srv/web:/bin/false\n";
    const GROUP: &str = "root:x:0:\nweb:x:34:\nlogs:x:40:web,other\nmedia:x:41:other\ncache:x:42:other,web\n";

    fn resolve(text: &str) -> Result<Identity, UserError> {
        text.parse::<User>().unwrap().resolve(PASSWD, GROUP)
    }

    fn identity(uid: u32, groups: &[u32], name: &str, home: &str) -> Identity {
        Identity { uid, gid: groups[0], groups: groups.to_vec(), name: name.to_owned(), home: home.to_owned() }
    }

    #[test]
    fn a_user_has_its_own_group_and_all_that_it_is_a_member_of() {
        assert_eq!(resolve("web"), Ok(identity(33, &[34, 40, 42], "web", "/srv/web")));
        assert_eq!(resolve("33"), Ok(identity(33, &[34, 40, 42], "web", "/srv/web")));
    }

    #[test]
    fn a_group_that_is_named_is_the_only_one() {
        assert_eq!(resolve("web:media"), Ok(identity(33, &[41], "web", "/srv/web")));
        assert_eq!(resolve("web:7"), Ok(identity(33, &[7], "web", "/srv/web")));
    }

    #[test]
    fn numbers_need_no_file() {
        let user: User = "1000:2000".parse().unwrap();
        assert_eq!(user.resolve("", ""), Ok(identity(1000, &[2000], "1000", "/")));
        assert_eq!("1000".parse::<User>().unwrap().resolve("", ""), Ok(identity(1000, &[1000], "1000", "/")));
    }

    #[test]
    fn unknown_names_are_errors() {
        assert_eq!(resolve("wep"), Err(UserError::NoUser("wep".to_owned())));
        assert_eq!(resolve("web:wep"), Err(UserError::NoGroup("wep".to_owned())));
        for text in ["", ":", "web:", ":web", "a:b:c"] {
            assert!(text.parse::<User>().is_err(), "{text}");
        }
    }
}

//! The user of a service: `--user USER[:GROUP]`, looked up in passwd(5) and group(5) files.
//!
//! The files are read directly, because a static binary cannot use the name service switch of the C library. An image
//! without these files can use numeric ids.

use std::fmt;
use std::str::FromStr;

use crate::sys::credentials::Identity;

/// A user, and optionally a group, as the option gives them.
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
        if user.is_empty()
            || user.starts_with('+')
            || group.is_some_and(|group| group.is_empty() || group.contains(':'))
        {
            return Err("not USER or USER:GROUP; write names or numbers, for example www-data or 1000:1000");
        }
        Ok(Self { user: user.to_owned(), group: group.map(str::to_owned) })
    }
}

/// A user or group does not exist.
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
        write!(f, "--user: {file} has no {what} '{name}'; add it there, or write its number")
    }
}

impl std::error::Error for UserError {}

impl User {
    /// Looks the user up in `/etc/passwd` and `/etc/group`.
    ///
    /// # Errors
    /// Fails if a name does not exist.
    pub fn look_up(&self) -> Result<Identity, UserError> {
        // Numeric ids need neither file, so a file that cannot be read counts as empty.
        let read = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
        self.resolve(&read("/etc/passwd"), &read("/etc/group"))
    }

    /// Looks the user up in the texts of a passwd(5) and a group(5) file; the text of a missing file is empty.
    ///
    /// A number that the file does not contain is used as it is: the group has the same number and the home is `/`.
    ///
    /// # Errors
    /// Fails if a name does not exist.
    pub fn resolve(&self, passwd: &str, group: &str) -> Result<Identity, UserError> {
        let number = self.user.parse::<u32>().ok();
        let line = passwd.lines().filter_map(Passwd::read).find(|line| line.name == self.user);
        let line = line.or_else(|| passwd.lines().filter_map(Passwd::read).find(|line| Some(line.uid) == number));
        let Some(uid) = line.as_ref().map(|line| line.uid).or(number) else {
            return Err(UserError::NoUser(self.user.clone()));
        };
        let name = line.as_ref().map_or(self.user.as_str(), |line| line.name);
        let (gid, groups) = if let Some(name) = &self.group {
            // As with `docker run --user`: a named group replaces the supplementary groups.
            let gid = group_id(group, name).ok_or_else(|| UserError::NoGroup(name.clone()))?;
            (gid, vec![gid])
        } else {
            let gid = line.as_ref().map_or(uid, |line| line.gid);
            let others = group.lines().filter_map(|line| membership(line, name)).filter(|id| *id != gid);
            (gid, std::iter::once(gid).chain(others).collect())
        };
        // The kernel takes this number as "leave the id unchanged".
        if uid == u32::MAX || groups.contains(&u32::MAX) {
            return Err(UserError::NoUser(self.user.clone()));
        }
        let home = line.as_ref().map_or("/", |line| line.home).to_owned();
        Ok(Identity { uid, gid, groups, name: name.to_owned(), home })
    }
}

/// The needed fields of a line of a passwd(5) file.
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

/// Returns the id of the group of this line if the user is a member.
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
    fn a_user_gets_its_own_group_and_its_supplementary_groups() {
        assert_eq!(resolve("web"), Ok(identity(33, &[34, 40, 42], "web", "/srv/web")));
        assert_eq!(resolve("33"), Ok(identity(33, &[34, 40, 42], "web", "/srv/web")));
    }

    #[test]
    fn a_named_group_is_the_only_group() {
        assert_eq!(resolve("web:media"), Ok(identity(33, &[41], "web", "/srv/web")));
        assert_eq!(resolve("web:7"), Ok(identity(33, &[7], "web", "/srv/web")));
    }

    #[test]
    fn numeric_ids_need_no_file() {
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

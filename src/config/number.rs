//! Numbers that users write: digits only, because `+5` means something else elsewhere.

use std::str::FromStr;

/// Reads a number without a sign.
#[must_use]
pub fn number<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_refused() {
        assert_eq!(number("05"), Some(5));
        assert_eq!(["", "+5", "-5", " 5", "256", "x"].map(number::<u8>), [None; 6]);
    }
}

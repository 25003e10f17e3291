//! Finds the word that a misspelt one stands for.

/// Returns the nearest of `words`, unless none is near: one letter is wrong in a short word, at most two in a longer one.
pub(super) fn nearest<'a>(text: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = if text.chars().count() <= 4 { 1 } else { 2 };
    let distances = words.into_iter().map(|word| (distance(text, word), word));
    distances.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// How many letters must be inserted, removed, replaced or swapped with the next one. Upper and lower case are the same.
fn distance(one: &str, other: &str) -> usize {
    let letters = |text: &str| text.chars().map(|letter| letter.to_ascii_lowercase()).collect::<Vec<_>>();
    let (one, other) = (letters(one), letters(other));
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for row in 0..=one.len() {
        for column in 0..=other.len() {
            rows[row][column] = match (row, column) {
                (0, length) | (length, 0) => length,
                _ => {
                    let is_other = usize::from(one[row - 1] != other[column - 1]);
                    let replaced = rows[row - 1][column - 1] + is_other;
                    let best = replaced.min(rows[row - 1][column] + 1).min(rows[row][column - 1] + 1);
                    let is_swapped =
                        row > 1 && column > 1 && one[row - 1] == other[column - 2] && one[row - 2] == other[column - 1];
                    if is_swapped { best.min(rows[row - 2][column - 2] + 1) } else { best }
                }
            };
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        for (one, other, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("QIUT", "quit", 1),
            ("TIMOUT", "TIMEOUT", 1),
            ("abc", "xyz", 3),
            ("ab", "ba", 1),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn the_nearest_word_is_found_if_it_is_near() {
        let words = ["TERM", "INT", "restart"];
        assert_eq!(nearest("TREM", words), Some("TERM"));
        assert_eq!(nearest("restatr", words), Some("restart"));
        assert_eq!(nearest("BOO", words), None);
    }
}

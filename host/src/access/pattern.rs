//! A model's name, or several with `*` and `?`.
//!
//! Used by `access::keys`. Case matters, and no pattern takes longer than the product of its length and the name's.

/// What names may look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

// === impl Pattern ===

impl Pattern {
    /// `text`, of which `*` is any text and `?` any one character.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether `name` is one of them.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut read) = (0, 0);
        // The last `*`, and how much of the name it has taken so far.
        let mut star: Option<(usize, usize)> = None;
        while read < name.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, read));
                    at += 1;
                }
                Some(&wanted) if wanted == '?' || wanted == name[read] => {
                    at += 1;
                    read += 1;
                }
                _ => match &mut star {
                    Some((after, taken)) => {
                        *taken += 1;
                        (at, read) = (*after + 1, *taken);
                    }
                    None => return false,
                },
            }
        }
        pattern[at..].iter().all(|rest| *rest == '*')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_what_they_say() {
        let table = [
            ("iris", "iris", true),
            ("iris", "iris2", false),
            ("iris", "Iris", false),
            ("iris*", "iris", true),
            ("iris*", "iris-v2", true),
            ("*", "", true),
            ("*", "anything", true),
            ("?", "", false),
            ("i?is", "iris", true),
            ("*-prod", "fraud-prod", true),
            ("*-prod", "fraud-prod-2", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("größe-?", "größe-ß", true),
            ("", "", true),
            ("", "x", false),
        ];
        for (pattern, name, expected) in table {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "`{pattern}` and `{name}`");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let pattern = Pattern::new("a*".repeat(500) + "b");
        assert!(!pattern.matches(&"a".repeat(2000)));
    }
}

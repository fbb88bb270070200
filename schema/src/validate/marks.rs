//! Marks that files write where a number belongs: withheld, missing, nil. None of them is a number, and none is zero.

/// What the mark `text` most often means and what to write in the mapping, as advice; none if it is no mark that is known.
pub(super) fn mark(text: &str) -> Option<String> {
    let map = |status: &str| format!("write `marks = {{ \"{text}\" = \"{status}\" }}` under [options]");
    let lower = text.to_lowercase();
    let bare = lower.trim_matches(|c| matches!(c, '(' | ')' | '[' | ']')).trim_start_matches(':').trim();
    let below = bare.strip_prefix(['<', '≤']).map(|rest| rest.trim_start_matches('=').trim());
    if below.is_some_and(|rest| rest.parse::<f64>().is_ok()) {
        let advice = format!(
            "a number: `{text}` withholds a small count and is no figure; {}, with CONF_STATUS `A` or `C`",
            map("Q")
        );
        return Some(advice);
    }
    let (meaning, status) = match bare {
        "*" | "**" | "***" | "#" => ("withholds a figure", "Q"),
        "c" | "x" | "s" | "conf" | "confidential" | "suppressed" => ("says that the figure is confidential", "Q"),
        "" | "." | ".." | "..." | "…" | "?" | "n/a" | "na" | "n.a." | "n.d." | "nd" | "s/d" | "nan" | "null"
        | "none" | "#n/a" => ("says that there is no figure, and does not mean zero", "O"),
        "z" => ("says that there can be no figure", "M"),
        "-" | "–" | "—" | "--" | "nil" => {
            ("can mean zero, none or not applicable: find out which, and write 0 or map it; if there is no figure", "M")
        }
        _ => return None,
    };
    let confidential = if status == "Q" { ", with CONF_STATUS `C` or `A`" } else { "" };
    Some(format!("a number: `{text}` {meaning}; {}{confidential}", map(status)))
}

/// The letters behind a number, such as Eurostat's flags; none if it is not a number with letters.
pub(super) fn flag(text: &str) -> Option<&str> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '*');
    let flag = &text[digits.len()..];
    let number = digits.trim_end();
    (!flag.is_empty() && flag.len() <= 4 && number.parse::<f64>().is_ok()).then_some(flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_told_from_numbers_and_words() {
        for (text, status) in [
            ("<5", Some("Q")),
            ("< 5", Some("Q")),
            ("<=10", Some("Q")),
            ("≤4", Some("Q")),
            ("*", Some("Q")),
            ("c", Some("Q")),
            (":c", Some("Q")),
            ("(c)", Some("Q")),
            (":", Some("O")),
            ("..", Some("O")),
            ("NA", Some("O")),
            ("n/a", Some("O")),
            ("-", Some("M")),
            ("–", Some("M")),
            ("<many", None),
            ("12", None),
            ("about 5", None),
        ] {
            let advice = mark(text);
            assert_eq!(advice.is_some(), status.is_some(), "{text}");
            if let (Some(advice), Some(status)) = (advice, status) {
                assert!(advice.contains(&format!("\"{text}\" = \"{status}\"")), "{text}: {advice}");
            }
        }
        for (text, found) in
            [("12p", Some("p")), ("1234 bu", Some("bu")), ("12", None), ("p", None), ("1x2p", None), ("7*", Some("*"))]
        {
            assert_eq!(flag(text), found, "{text}");
        }
    }
}

//! The report as one HTML page without scripts, for people.

use std::fmt::Write as _;

use super::Report;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
table{border-collapse:collapse;margin:1rem 0}th,td{text-align:left;padding:.25rem .8rem;border-bottom:1px solid #ccc}\
td.n{text-align:right;font-variant-numeric:tabular-nums}h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}";

/// Text for HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

fn row(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td></tr>", escape(name), escape(value));
}

/// The page. `title` says of what, `facts` what else is to be told, such as dataflow and release.
pub fn page(report: &Report, title: &str, facts: &[(&str, String)]) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Disclosure report: {0}</title><style>{STYLE}</style></head><body><h1>Disclosure report</h1><p>{0}</p><table>",
        escape(title)
    );
    facts.iter().for_each(|(name, value)| row(&mut out, name, value));
    row(&mut out, "Profile", &report.profile);
    out.push_str("</table><h2>Rules</h2><ul>");
    for rule in &report.rules {
        let _ = write!(out, "<li>{}</li>", escape(rule));
    }
    if report.rules.is_empty() {
        out.push_str("<li>none: nothing is withheld</li>");
    }
    out.push_str("</ul>");
    for text in [&report.guarantee, &report.loss] {
        if !text.is_empty() {
            let _ = write!(out, "<p>{}</p>", escape(text));
        }
    }
    out.push_str("<h2>Observations</h2><table>");
    let counts = [
        ("In the table", report.cells),
        ("Published", report.published),
        ("Without a figure from the beginning", report.missing),
        ("Withheld by a rule", report.suppressed_primary),
        ("Withheld to protect those", report.suppressed_secondary),
        ("Given back, as they protected nothing", report.given_back),
        ("Withheld, though published before", report.public_before),
        ("Rounded", report.rounded),
        ("Perturbed", report.perturbed),
    ];
    counts.iter().for_each(|(name, count)| row(&mut out, name, &count.to_string()));
    row(&mut out, "Published, per cent", &report.published_percent);
    if let Some(above) = &report.above_least_percent {
        row(&mut out, "What is lost to protect others, above the least that could be, per cent at most", above);
    }
    out.push_str("</table>");
    lost(&mut out, report);
    audit(&mut out, report);
    out.push_str("</body></html>\n");
    out
}

fn lost(out: &mut String, report: &Report) {
    if report.lost.is_empty() {
        return;
    }
    out.push_str("<h2>Information lost</h2><table><tr><th>Dimension</th><th>Observations withheld, %</th><th>Value, % of published totals</th></tr>");
    for (dimension, lost) in &report.lost {
        let value = lost.value_percent.as_deref().unwrap_or("no total published");
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escape(dimension),
            escape(&lost.cells_percent),
            escape(value)
        );
    }
    out.push_str("</table><p>The value is what published totals hold beyond their published parts: everybody can work it out.</p>");
    for (dimension, codes) in &report.suppressed_by {
        let _ = write!(out, "<details><summary>Withheld by {}</summary><table>", escape(dimension));
        codes.iter().for_each(|(code, count)| row(out, code, &count.to_string()));
        out.push_str("</table></details>");
    }
}

fn audit(out: &mut String, report: &Report) {
    out.push_str("<h2>Audit</h2>");
    let Some(audit) = &report.audit else {
        out.push_str("<p>Nothing is withheld, so there was nothing to find out.</p>");
        return;
    };
    out.push_str("<p>An independent check worked out what can be known of each sensitive figure from all that is published. Every one is open enough.</p><table>");
    let counts = [
        ("Tables", audit.tables),
        ("Sensitive figures", audit.sensitive),
        ("Connected parts", audit.parts),
        ("Linear programs", audit.programs),
        ("Persons in the table taken into account", audit.insiders),
    ];
    counts.iter().for_each(|(name, count)| row(out, name, &count.to_string()));
    if let Some(narrowest) = &audit.narrowest {
        row(out, "The narrowest interval is at least so many times as wide as it must be", narrowest);
    }
    if !audit.beside.is_empty() {
        row(out, "Taken to be known as well", &audit.beside.join(", "));
    }
    out.push_str("</table>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_was_done_and_lets_no_text_become_markup() {
        let report =
            Report { profile: "<b>p".into(), rules: vec!["a & b".into()], suppressed_primary: 7, ..Report::default() };
        let page = page(&report, "Returns <2025>", &[("Dataflow", "RCP:RETURNS".into())]);
        for expected in ["&lt;b&gt;p", "a &amp; b", "Returns &lt;2025&gt;", "<td class=\"n\">7</td>", "RCP:RETURNS"] {
            assert!(page.contains(expected), "{expected}");
        }
        assert!(!page.contains("<b>") && !page.contains("<script"));
    }
}

//! Headings that span several rows.

use chancery_schema::mapping::HEADING_PARTS;

/// One heading for each column: the texts of its rows, from the top, joined. With `filled` an empty cell of an upper row has the
/// text at its left, as merged cells are written where nothing says that they are merged. A column without a heading gets its number.
pub(super) fn joined(rows: Vec<Vec<String>>, filled: bool) -> Vec<String> {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let last = rows.len().saturating_sub(1);
    let mut parts: Vec<Vec<String>> = vec![Vec::new(); width];
    for (index, row) in rows.into_iter().enumerate() {
        let mut left = String::new();
        for (column, parts) in parts.iter_mut().enumerate() {
            let text = row.get(column).map_or("", |text| text.trim());
            if !text.is_empty() {
                left = text.to_owned();
            }
            let text = if filled && index < last { left.as_str() } else { text };
            if !text.is_empty() && parts.last().is_none_or(|above| above != text) {
                parts.push(text.to_owned());
            }
        }
    }
    let name = |(column, parts): (usize, &Vec<String>)| match parts.is_empty() {
        true => format!("column {}", column + 1),
        false => parts.join(HEADING_PARTS),
    };
    parts.iter().enumerate().map(name).collect()
}

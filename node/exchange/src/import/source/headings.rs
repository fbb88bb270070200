//! Headings that span several rows.

use chancery_schema::mapping::HEADING_PARTS;

/// Where the headings are, as far as the first rows tell: in the first row that is mostly filled, which titles before it are not,
/// and in the row below too where that fills the gaps of the first.
pub(super) fn guess(rows: &[(u64, Vec<String>)]) -> Option<(u64, u64)> {
    let filled = |row: &[String]| row.iter().filter(|text| !text.trim().is_empty()).count();
    let mut widths: Vec<usize> = rows.iter().map(|(_, row)| filled(row)).collect();
    widths.sort_unstable();
    let usual = widths.get(widths.len() * 3 / 4).copied()?;
    let first = rows.iter().position(|(_, row)| filled(row) * 2 > usual)?;
    let (line, row) = &rows[first];
    if let Some((next_line, next)) = rows.get(first + 1) {
        let empty = |row: &[String], column: usize| row.get(column).is_none_or(|text| text.trim().is_empty());
        let width = row.len().max(next.len());
        let repeats = |column: usize| column > 0 && row.get(column) == row.get(column - 1) && !empty(row, column);
        let gaps: Vec<usize> = (0..width).filter(|column| empty(row, *column) || repeats(*column)).collect();
        let labelled = (0..width).take_while(|column| empty(next, *column)).count();
        if labelled > 0 && labelled < width && !gaps.is_empty() && gaps.iter().all(|column| !empty(next, *column)) {
            return Some((*line, *next_line));
        }
    }
    Some((*line, *line))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[&str]) -> Vec<(u64, Vec<String>)> {
        let row = |row: &&str| row.split(',').map(str::to_owned).collect();
        text.iter().enumerate().map(|(line, text)| (line as u64 + 1, row(text))).collect()
    }

    #[test]
    fn headings_are_found_below_titles_and_over_two_rows() {
        for (text, expected) in [
            (&["a,b", "1,2", "3,4"][..], (1, 1)),
            (&["Returns,,", "a,b,c", "1,2,3", "1,2,3"], (2, 2)),
            (&["x,2020,,2021,", ",M,F,M,F", "MEX,1,2,3,4", "USA,1,2,3,4"], (1, 2)),
            (&["x,2020,2020,2021,2021", ",M,F,M,F", "MEX,1,2,3,4"], (1, 2)),
            (&["x,2020,2021", ",1,2", "MEX,1,2"], (1, 1)),
            (&["x,2020,2021", "MEX,1,", "USA,1,2"], (1, 1)),
        ] {
            assert_eq!(guess(&rows(text)), Some(expected), "{text:?}");
        }
        assert_eq!(guess(&[]), None);
    }

    #[test]
    fn headings_of_two_rows_are_joined() {
        let texts =
            rows(&["Land,,2020,,2021", "Name,Code,M,F,M", ",,,,"]).into_iter().map(|(_, row)| row).take(2).collect();
        assert_eq!(joined(texts, true), ["Land / Name", "Land / Code", "2020 / M", "2020 / F", "2021 / M"]);
        assert_eq!(joined(vec![vec![String::new(), "a".to_owned()]], true), ["column 1", "a"]);
    }
}

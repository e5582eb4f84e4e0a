//! Text tables with aligned columns.
//!
//! `comfy-table` cannot draw a rule above the row of totals only. `tabled` can, but adds more to a first build than these fifty lines.

use std::fmt;

/// Alignment of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// For words.
    Left,
    /// For numbers.
    Right,
}

/// Text table with a header and a rule under it.
#[derive(Clone, Debug)]
pub(crate) struct Table<const COLUMNS: usize> {
    columns: [(&'static str, Align); COLUMNS],
    rows: Vec<[String; COLUMNS]>,
    totals: Option<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// Returns a table without rows.
    #[must_use]
    pub(crate) const fn new(columns: [(&'static str, Align); COLUMNS]) -> Self {
        Self { columns, rows: Vec::new(), totals: None }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells);
    }

    /// Sets the row of totals, under a second rule.
    pub(crate) fn totals(&mut self, cells: [String; COLUMNS]) {
        self.totals = Some(cells);
    }

    fn widths(&self) -> [usize; COLUMNS] {
        let mut widths = self.columns.map(|(title, _)| title.chars().count());
        for row in self.rows.iter().chain(&self.totals) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }

    fn line<'a>(&self, widths: [usize; COLUMNS], cells: impl Iterator<Item = &'a str>) -> String {
        let padded = cells.zip(widths).zip(self.columns).map(|((cell, width), (_, align))| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let rule = widths.map(|width| "-".repeat(width)).join("  ");
        write!(f, "{}\n{rule}", self.line(widths, self.columns.iter().map(|(title, _)| *title)))?;
        for row in &self.rows {
            write!(f, "\n{}", self.line(widths, row.iter().map(String::as_str)))?;
        }
        if let Some(totals) = &self.totals {
            write!(f, "\n{rule}\n{}", self.line(widths, totals.iter().map(String::as_str)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_even_widths() {
        let mut table = Table::new([("worker", Align::Left), ("items", Align::Right)]);
        table.row(["worker-1".into(), "4".into()]);
        table.row(["w".into(), "1000000".into()]);
        table.totals(["total".into(), "1000004".into()]);
        let expected = "\
worker      items
--------  -------
worker-1        4
w         1000000
--------  -------
total     1000004";
        assert_eq!(table.to_string(), expected);
    }
}

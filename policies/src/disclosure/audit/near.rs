//! What is near a cell: a few cells around it that are let move, while all others stand still.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::parts::Part;

/// Not near.
const FAR: u32 = u32::MAX;

/// Memory of the size of the part, used again for each cell.
pub(super) struct Surroundings<'a> {
    part: &'a Part,
    columns: &'a [Vec<u32>],
    /// Place of each cell in the order found.
    places: Vec<u32>,
    /// Which sums were seen.
    seen: Vec<bool>,
}

impl<'a> Surroundings<'a> {
    /// Of the cells of a part, whose `columns` are the sums of each.
    pub(super) fn new(part: &'a Part, columns: &'a [Vec<u32>]) -> Self {
        Self { part, columns, places: vec![FAR; part.len()], seen: vec![false; part.rows.len()] }
    }

    /// Those of about `size` cells around `seed` that can move while all others stand still; `seed` is the first, and there is nothing if it cannot. The
    /// result's `cells` are places in the part.
    pub(super) fn of(&mut self, seed: u32, size: usize) -> Option<Part> {
        let mut order = self.order(seed, size);
        let mut rows = self.rows(&order);
        let moving = peel(&mut rows, order.len());
        if moving.first() != Some(&true) {
            return None;
        }
        let mut next = 0;
        let new: Vec<u32> = moving
            .iter()
            .map(|moves| {
                next += u32::from(*moves);
                if *moves { next - 1 } else { FAR }
            })
            .collect();
        for row in &mut rows {
            row.retain_mut(|(cell, _)| {
                *cell = new[*cell as usize];
                *cell != FAR
            });
            row.sort_unstable_by_key(|(cell, _)| *cell);
        }
        rows.retain(|row| !row.is_empty());
        rows.sort_by_key(Vec::len);
        let mut place = 0;
        order.retain(|_| {
            place += 1;
            moving[place - 1]
        });
        let of = |values: &[f64]| order.iter().map(|cell| values[*cell as usize]).collect();
        let part = self.part;
        Some(Part { values: of(&part.values), lower: of(&part.lower), upper: of(&part.upper), rows, cells: order })
    }

    /// About `size` cells, sum by sum: those of few cells first.
    fn order(&mut self, seed: u32, size: usize) -> Vec<u32> {
        let mut order = vec![seed];
        self.places[seed as usize] = 0;
        let mut next = 0;
        let mut heap = BinaryHeap::new();
        let mut touched = Vec::new();
        while order.len() < size {
            while let Some(cell) = order.get(next) {
                for row in &self.columns[*cell as usize] {
                    if !std::mem::replace(&mut self.seen[*row as usize], true) {
                        touched.push(*row);
                        heap.push(Reverse((next / 8 + self.part.rows[*row as usize].len(), *row)));
                    }
                }
                next += 1;
            }
            let Some(Reverse((_, row))) = heap.pop() else { break };
            for (cell, _) in self.part.rows[row as usize].iter().take(size) {
                let place = &mut self.places[*cell as usize];
                if *place == FAR {
                    *place = order.len() as u32;
                    order.push(*cell);
                }
            }
        }
        touched.iter().for_each(|row| self.seen[*row as usize] = false);
        order
    }

    /// The sums over the cells of `order`, by their places in it, which are then forgotten.
    fn rows(&mut self, order: &[u32]) -> Vec<Vec<(u32, f64)>> {
        let mut touched: Vec<u32> = order.iter().flat_map(|cell| &self.columns[*cell as usize]).copied().collect();
        touched.sort_unstable();
        touched.dedup();
        let within = |row: &u32| {
            let row = self.part.rows[*row as usize].iter();
            row.filter_map(|(cell, a)| Some((self.places[*cell as usize], *a)).filter(|(place, _)| *place != FAR))
                .collect()
        };
        let rows = touched.iter().map(within).collect();
        order.iter().for_each(|cell| self.places[*cell as usize] = FAR);
        rows
    }
}

/// Which of `count` cells are in no sum alone; one that is cannot move, and counts as published then.
fn peel(rows: &mut [Vec<(u32, f64)>], count: usize) -> Vec<bool> {
    let mut columns = vec![Vec::new(); count];
    for (row, number) in rows.iter().zip(0u32..) {
        row.iter().for_each(|(cell, _)| columns[*cell as usize].push(number));
    }
    let mut moving = vec![true; count];
    let mut left: Vec<usize> = rows.iter().map(Vec::len).collect();
    let mut alone: Vec<u32> = (0..rows.len() as u32).filter(|row| left[*row as usize] == 1).collect();
    while let Some(row) = alone.pop() {
        let Some((cell, _)) = rows[row as usize].iter().find(|(cell, _)| moving[*cell as usize]) else { continue };
        moving[*cell as usize] = false;
        for other in &columns[*cell as usize] {
            left[*other as usize] -= 1;
            if left[*other as usize] == 1 {
                alone.push(*other);
            }
        }
    }
    moving
}

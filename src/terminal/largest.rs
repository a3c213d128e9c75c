//! Lists of what has numbers: all of it if it is little, otherwise the largest and the smallest. What is listed by mistake
//! is most often small.
//!
//! Must not print.

use indicatif::HumanCount;

/// The maximum number of items named: if there are more, half are the largest and half the smallest.
const NAMED: usize = 12;

/// A line for each item that is named, and one for those that are not. `all` is in order, the largest first.
pub(super) fn lines<T>(
    all: &[T],
    numbers: impl Fn(&T) -> u64,
    line: impl Fn(&T) -> String + Copy,
) -> Vec<String> {
    let ends = if all.len() > NAMED { NAMED / 2 } else { all.len() };
    let (largest, rest) = all.split_at(ends);
    let (middle, smallest) = rest.split_at(rest.len().saturating_sub(NAMED / 2));
    let mut lines: Vec<_> = largest.iter().map(line).collect();
    if let [most, .., fewest] | [most @ fewest] = middle {
        let (fewest, most) = (numbers(fewest), numbers(most));
        let to = if fewest < most { format!(" to {}", HumanCount(most)) } else { String::new() };
        let count = HumanCount(middle.len() as u64);
        lines.push(format!("            … {count} more, each with {}{to} …", HumanCount(fewest)));
    }
    lines.extend(smallest.iter().map(line));
    lines
}

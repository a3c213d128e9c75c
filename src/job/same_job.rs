//! Compares the header of a journal with the job at hand.
//!
//! Must not read or change a journal.

use std::path::Path;

use super::same_target::of_account;
use crate::hint::Hinted;
use crate::journal::entry::{Header, LaneTarget};

/// Checks that the run in the journal `own` takes what this one takes of the input.
pub(super) fn check_shard(own: &Path, was: &Header, is: &Header) -> anyhow::Result<()> {
    let name = |header: &Header| header.shard.as_ref().map_or("no".to_owned(), |shard| format!("`{shard}`"));
    let (own, was, is) = (own.display(), name(was), name(is));
    let error = format!("the run recorded in `{own}` is {was} shard of its input, but this one is {is}");
    anyhow::ensure!(was == is, Hinted::new(error, "give the same --shard, or another --output"));
    Ok(())
}

/// What two runs use, in words, if it is not the same. An account need not be known.
pub(super) fn differing(old: &Header, new: &Header) -> Option<(String, String)> {
    let of = |header: &Header| -> Vec<LaneTarget> {
        let Header { target, account_id, lanes, .. } = header.clone();
        let only = LaneTarget { name: String::new(), target, account_id };
        if lanes.is_empty() { vec![only] } else { lanes }
    };
    let (old, new) = (of(old), of(new));
    let in_words = |lanes: &[LaneTarget], at: usize, with_account: bool| match lanes.get(at) {
        None => format!("{} accounts and regions", lanes.len()),
        Some(LaneTarget { name, target, account_id }) => {
            let name = if name.is_empty() { String::new() } else { format!("{name}: ") };
            format!("{name}{target}{}", of_account(account_id.as_deref().filter(|_| with_account)))
        }
    };
    (0..old.len().max(new.len())).find_map(|at| {
        let accounts = old.get(at).zip(new.get(at));
        let is_other_account = accounts.is_some_and(|(old, new)| {
            old.account_id.as_ref().zip(new.account_id.as_ref()).is_some_and(|(old, new)| old != new)
        });
        let (was, is) = (in_words(&old, at, is_other_account), in_words(&new, at, is_other_account));
        (was != is).then_some((was, is))
    })
}

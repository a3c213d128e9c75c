//! Repeatable chance: each draw depends on a seed and a subject, and on nothing else.
//!
//! Must not keep state: a draw is the same whether or not other draws came before it.

use std::fmt::Display;

use sha2::{Digest, Sha256};

/// 64 well-mixed bits that depend on the seed and the subject only.
pub(super) fn bits(seed: u64, subject: impl Display) -> u64 {
    let digest = Sha256::digest(format!("{seed} {subject}"));
    digest.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}

/// A number in `[0, 1)`, evenly distributed over the subjects.
pub(super) fn chance(seed: u64, subject: impl Display) -> f64 {
    fastrand::Rng::with_seed(bits(seed, subject)).f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_repeatable_even_and_depends_on_seed_and_subject() {
        let draws: Vec<f64> = (0_u64..20_000).map(|subject| chance(7, format!("{subject} x"))).collect();
        assert_eq!(
            draws,
            (0_u64..20_000).map(|subject| chance(7, format!("{subject} x"))).collect::<Vec<_>>()
        );
        for (edge, share) in [(0.01, 200), (0.1, 2_000), (0.5, 10_000), (0.9, 18_000)] {
            let below = draws.iter().filter(|draw| **draw < edge).count();
            assert!(below.abs_diff(share) < 200, "{below} of 20,000 draws are below {edge}");
        }
        assert_ne!(bits(7, 1_u64), bits(8, 1_u64));
        assert_ne!(bits(7, "ab"), bits(7, "ba"));
        assert_ne!(bits(7, "a long connector id 1"), bits(7, "a long connector id 2"));
    }
}

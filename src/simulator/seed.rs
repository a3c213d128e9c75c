//! Chance that can be repeated: a number drawn from a seed and from what it is asked about, and from nothing else.
//!
//! Must not keep state: the hundredth draw is the same whether the other ninety-nine were made or not.

use std::hash::{Hash, Hasher};

/// The `SplitMix64` generator's step between two states.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hasher without a random key (std's and hashbrown's differ from one process to the next).
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    /// `SplitMix64`'s finalizer.
    fn write_u64(&mut self, value: u64) {
        let mut z = self.0.wrapping_add(GAMMA) ^ value;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = z ^ (z >> 31);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// 64 well-mixed bits that depend on the seed and the subject only.
pub(super) fn bits(seed: u64, subject: impl Hash) -> u64 {
    let mut mixer = Mixer(seed);
    subject.hash(&mut mixer);
    mixer.finish()
}

/// A number in `[0, 1)`, evenly distributed over the subjects.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit an f64 exactly")]
pub(super) fn chance(seed: u64, subject: impl Hash) -> f64 {
    (bits(seed, subject) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_repeatable_even_and_depends_on_seed_and_subject() {
        let draws: Vec<f64> = (0_u64..20_000).map(|subject| chance(7, (subject, "x"))).collect();
        assert_eq!(draws, (0_u64..20_000).map(|subject| chance(7, (subject, "x"))).collect::<Vec<_>>());
        for (edge, share) in [(0.01, 200), (0.1, 2_000), (0.5, 10_000), (0.9, 18_000)] {
            let below = draws.iter().filter(|draw| **draw < edge).count();
            assert!(below.abs_diff(share) < 200, "{below} of 20,000 draws are below {edge}");
        }
        assert_ne!(bits(7, 1_u64), bits(8, 1_u64));
        assert_ne!(bits(7, "ab"), bits(7, "ba"));
        assert_ne!(bits(7, "a long connector id 1"), bits(7, "a long connector id 2"));
    }
}

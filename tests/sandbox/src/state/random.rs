//! Reproducible randomness: the same seed and the same calls give the same tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// A counter hashed with the seed. Predictable on purpose; nothing here protects anything real.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    seed: u64,
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random { seed, counter: 0 }
    }

    /// The next 32 bytes.
    pub(crate) fn block(&mut self) -> [u8; 32] {
        self.counter = self.counter.wrapping_add(1);
        let mut input = [0_u8; 16];
        let (seed, counter) = input.split_at_mut(8);
        seed.copy_from_slice(&self.seed.to_be_bytes());
        counter.copy_from_slice(&self.counter.to_be_bytes());
        let mut block = [0_u8; 32];
        block.copy_from_slice(digest(&SHA256, &input).as_ref());
        block
    }

    /// `prefix` and then `blocks` times 43 URL-safe characters.
    pub(crate) fn token(&mut self, prefix: &str, blocks: usize) -> String {
        let mut token = prefix.to_owned();
        for _ in 0..blocks {
            token.push_str(&URL_SAFE_NO_PAD.encode(self.block()));
        }
        token
    }

    /// A version 4 GUID.
    pub(crate) fn guid(&mut self) -> String {
        let hex = self.block().iter().fold(String::new(), |mut hex, byte| {
            for nibble in [byte >> 4, byte & 15] {
                hex.extend(char::from_digit(nibble.into(), 16));
            }
            hex
        });
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30))
    }

    /// A number of `low..high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let [a, b, c, d, ..] = self.block();
        low.saturating_add(u64::from(u32::from_be_bytes([a, b, c, d])) % high.saturating_sub(low).max(1))
    }

    /// Nine upper-case letters and digits, without the ones people mix up.
    pub(crate) fn user_code(&mut self) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        self.block()
            .iter()
            .take(9)
            .filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()))
            .map(|letter| char::from(*letter))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_reproduces_and_another_does_not() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (random.guid(), random.token("1.", 2), random.user_code(), random.between(10, 20))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        let (guid, token, code, number) = draw(7);
        assert_eq!(guid.len(), 36);
        assert_eq!(token.len(), 2 + 86);
        assert_eq!(code.len(), 9);
        assert!((10..20).contains(&number));
    }
}

//! GUIDs: ids of tenants, people, registrations and requests.

use crate::error::{Detail, Result};

/// Whether the text is a GUID in its usual form, 8-4-4-4-12 hexadecimal digits.
pub(crate) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A random GUID (version 4).
pub(crate) fn random() -> Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| Detail::Internal.about("random"))?;
    let number =
        u128::from_be_bytes(bytes) & !(0xf000_u128 << 64) & !(0xc000_u128 << 48) | (0x4000_u128 << 64) | (0x8000_u128 << 48);
    let hex = format!("{number:032x}");
    let parts = [hex.get(..8), hex.get(8..12), hex.get(12..16), hex.get(16..20), hex.get(20..)];
    Ok(parts.into_iter().flatten().collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_guids_are_of_version_4() {
        for _ in 0..100 {
            let id = random().unwrap();
            assert!(is_guid(&id) && id.as_bytes()[14] == b'4' && b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
    }
}

//! Random bytes of the system (`crypto.getRandomValues`): seeds and nonces.

/// `N` random bytes; `None` when the browser has no source of them.
pub(crate) fn bytes<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

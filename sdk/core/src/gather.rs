//! Maps and sets from iterators, item by item. Owns nothing.
//!
//! The rule: in a browser's module `collect` into a B-tree brings a whole stable sort for each type of item, about a
//! kilobyte after brotli; what is gathered here is small, so inserting is as quick.

/// Everything that comes.
pub(crate) fn gather<C: Default + Extend<T>, T>(items: impl IntoIterator<Item = T>) -> C {
    let mut gathered = C::default();
    items.into_iter().for_each(|item| gathered.extend(Some(item)));
    gathered
}

/// Everything that comes, or the first error.
pub(crate) fn try_gather<C: Default + Extend<T>, T, E>(items: impl IntoIterator<Item = Result<T, E>>) -> Result<C, E> {
    let mut gathered = C::default();
    for item in items {
        gathered.extend(Some(item?));
    }
    Ok(gathered)
}

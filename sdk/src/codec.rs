//! How values become bytes for another tab of the same version, and back. Owns the plain types and the macro by which the
//! compound ones are listed; which there are is `message`'s.
//!
//! Not a format for disks or networks: both ends write alike, which the fingerprint makes sure of: it is made of this file,
//! of the list, and of the type of each field, down to the plain ones. By hand because derived JSON for these types costs
//! 15 kB of the first screen and this costs a fifth of it; the fingerprint is reckoned by the compiler.

/// A value that goes from tab to tab.
pub(crate) trait Coded: Sized {
    /// Another number when other bytes stand for it, because it or what it is made of is another type.
    const SHAPE: u64;

    /// Adds it to `bytes`.
    fn write(&self, bytes: &mut Vec<u8>);

    /// Takes it from the front of `bytes`; `None` when that is none.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

/// Takes `N` bytes from the front.
fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (front, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*front)
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Coded for $number {
            const SHAPE: u64 = shape(stringify!($number), &[]);

            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(<$number>::from_le_bytes(take(bytes)?))
            }
        }
    )*};
}

numbers! { u8 u32 u64 }

impl Coded for bool {
    const SHAPE: u64 = shape("yes or no", &[]);

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u8::read(bytes).map(|byte| byte != 0)
    }
}

impl Coded for [u8; 16] {
    const SHAPE: u64 = shape("16 bytes", &[]);

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes)
    }
}

/// Length of what is written: nothing in memory here comes near 4 GiB.
fn write_length(length: usize, bytes: &mut Vec<u8>) {
    u32::try_from(length).unwrap_or(u32::MAX).write(bytes);
}

pub(crate) fn write_text(text: &str, bytes: &mut Vec<u8>) {
    write_length(text.len(), bytes);
    bytes.extend_from_slice(text.as_bytes());
}

impl Coded for String {
    const SHAPE: u64 = shape("text", &[]);

    fn write(&self, bytes: &mut Vec<u8>) {
        write_text(self, bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u32::read(bytes)?).ok()?;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

impl<T: Coded> Coded for Option<T> {
    const SHAPE: u64 = shape("option", &[T::SHAPE]);

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.is_some()));
        self.iter().for_each(|value| value.write(bytes));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(None),
            _ => Some(Some(T::read(bytes)?)),
        }
    }
}

impl<T: Coded> Coded for Box<T> {
    const SHAPE: u64 = T::SHAPE;

    fn write(&self, bytes: &mut Vec<u8>) {
        self.as_ref().write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        T::read(bytes).map(Box::new)
    }
}

impl Coded for bytes::Bytes {
    const SHAPE: u64 = shape("bytes", &[]);

    fn write(&self, bytes: &mut Vec<u8>) {
        write_length(self.len(), bytes);
        bytes.extend_from_slice(self);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = usize::try_from(u32::read(bytes)?).ok()?;
        let (value, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        Some(value.to_vec().into())
    }
}

impl<T: Coded> Coded for Vec<T> {
    const SHAPE: u64 = shape("list", &[T::SHAPE]);

    fn write(&self, bytes: &mut Vec<u8>) {
        write_length(self.len(), bytes);
        self.iter().for_each(|value| value.write(bytes));
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        // Grows as values are found: a length alone reserves nothing.
        (0..u32::read(bytes)?).map(|_| T::read(bytes)).collect()
    }
}

impl<A: Coded, B: Coded> Coded for (A, B) {
    const SHAPE: u64 = shape("pair", &[A::SHAPE, B::SHAPE]);

    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
}

impl<T: Coded, E: Coded> Coded for Result<T, E> {
    const SHAPE: u64 = shape("result", &[T::SHAPE, E::SHAPE]);

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.is_ok()));
        match self {
            Ok(value) => value.write(bytes),
            Err(error) => error.write(bytes),
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(Err(E::read(bytes)?)),
            _ => Some(Ok(T::read(bytes)?)),
        }
    }
}

/// What the bytes of every value depend on beside its type: this file and what is released together.
const FORMAT: u64 = shape(concat!(env!("CARGO_PKG_VERSION"), include_str!("codec.rs")), &[]);

/// A number of what is said by this list of types, `said` being the shape of the first. Tabs whose numbers differ do not
/// talk to each other.
pub(crate) const fn fingerprint(list: &str, said: u64) -> u64 {
    shape(list, &[FORMAT, said])
}

/// A number of this text and of these parts in their order: FNV-1a (64 bits).
pub(crate) const fn shape(text: &str, parts: &[u64]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    hash = add(hash, text.as_bytes());
    let mut at = 0;
    while at < parts.len() {
        hash = add(hash, &parts[at].to_le_bytes());
        at += 1;
    }
    hash
}

const fn add(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Fields, one in front of the others: what `fields!` makes of them.
pub(crate) trait Fields {
    const SHAPE: u64;
}

impl Fields for () {
    const SHAPE: u64 = 0;
}

impl<T: Coded, R: Fields> Fields for (&'static T, R) {
    const SHAPE: u64 = shape("field", &[T::SHAPE, R::SHAPE]);
}

/// The shape of what `fields` finds in an `All`. It is never called: it lets the compiler find out the types.
pub(crate) const fn shape_of<All: 'static, F: Fields>(_fields: fn(&'static All) -> Option<F>) -> u64 {
    F::SHAPE
}

macro_rules! fields {
    () => { () };
    ($first:ident $($rest:ident)*) => { ($first, $crate::codec::fields!($($rest)*)) };
}

/// Lists types: `struct Name { fields }`, `struct Name(one);`, `enum Name { number Variant, number Variant(fields),
/// number Variant { fields } }`. A field or variant that is missing here does not compile; of those that stand after
/// `without` nothing is written, and what stands for them is not read. The first type is the one that is said.
macro_rules! coded {
    ($kind:ident $said:ident $($rest:tt)*) => {
        /// Names what this build says to other tabs.
        pub(crate) const FINGERPRINT: u64 = $crate::codec::fingerprint(
            stringify!($kind $said $($rest)*),
            <$said as $crate::codec::Coded>::SHAPE,
        );
        $crate::codec::each_coded! { $kind $said $($rest)* }
    };
}

macro_rules! each_coded {
    () => {};
    (struct $name:ident { $($field:ident),* $(,)? } $($rest:tt)*) => {
        impl $crate::codec::Coded for $name {
            const SHAPE: u64 = $crate::codec::shape(
                stringify!($name),
                &[$crate::codec::shape_of(|Self { $($field),* }| Some($crate::codec::fields!($($field)*)))],
            );

            fn write(&self, bytes: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($crate::codec::Coded::write($field, bytes);)*
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                $(let $field = $crate::codec::Coded::read(bytes)?;)*
                Some(Self { $($field),* })
            }
        }
        $crate::codec::each_coded! { $($rest)* }
    };
    (struct $name:ident($inner:ident); $($rest:tt)*) => {
        impl $crate::codec::Coded for $name {
            const SHAPE: u64 = $crate::codec::shape(
                stringify!($name),
                &[$crate::codec::shape_of(|Self($inner)| Some($crate::codec::fields!($inner)))],
            );

            fn write(&self, bytes: &mut Vec<u8>) {
                let Self($inner) = self;
                $crate::codec::Coded::write($inner, bytes);
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                $crate::codec::Coded::read(bytes).map(Self)
            }
        }
        $crate::codec::each_coded! { $($rest)* }
    };
    (
        enum $name:ident $(without($($kept:ident),*))? {
            $($tag:literal $variant:ident $(($($item:ident),*))? $({ $($field:ident),* })?),* $(,)?
        }
        $($rest:tt)*
    ) => {
        impl $crate::codec::Coded for $name {
            const SHAPE: u64 = $crate::codec::shape(
                stringify!($name),
                &[$($crate::codec::shape_of(|all| {
                    let Self::$variant $(($($item),*))? $({ $($field),* })? = all else { return None };
                    Some($crate::codec::fields!($($($item)*)? $($($field)*)?))
                })),*],
            );

            fn write(&self, bytes: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($($item),*))? $({ $($field),* })? => {
                        bytes.push($tag);
                        $($($crate::codec::Coded::write($item, bytes);)*)?
                        $($($crate::codec::Coded::write($field, bytes);)*)?
                    })*
                    $($(Self::$kept { .. } => bytes.push(u8::MAX),)*)?
                }
            }

            fn read(bytes: &mut &[u8]) -> Option<Self> {
                match u8::read(bytes)? {
                    $($tag => {
                        $($(let $item = $crate::codec::Coded::read(bytes)?;)*)?
                        $($(let $field = $crate::codec::Coded::read(bytes)?;)*)?
                        Some(Self::$variant $(($($item),*))? $({ $($field),* })?)
                    })*
                    _ => None,
                }
            }
        }
        $crate::codec::each_coded! { $($rest)* }
    };
}

pub(crate) use {coded, each_coded, fields};

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    /// A list by which a number of this type is said, some types further down.
    macro_rules! listed {
        ($module:ident $number:ty) => {
            mod $module {
                pub(crate) struct Said {
                    pub(crate) kinds: Vec<Kind>,
                }

                pub(crate) enum Kind {
                    Nothing,
                    Inner(Inner),
                }

                pub(crate) struct Inner(pub(crate) $number);

                coded! {
                    struct Said { kinds }
                    enum Kind { 0 Nothing, 1 Inner(inner) }
                    struct Inner(number);
                }
            }
        };
    }

    listed! { short u32 }
    listed! { again u32 }
    listed! { long u64 }
    listed! { maybe Option<u32> }

    #[wasm_bindgen_test]
    fn another_type_somewhere_in_what_is_said_is_another_version() {
        assert_eq!(short::FINGERPRINT, again::FINGERPRINT);
        assert_ne!(short::FINGERPRINT, long::FINGERPRINT);
        assert_ne!(short::FINGERPRINT, maybe::FINGERPRINT);
        assert_ne!(long::FINGERPRINT, maybe::FINGERPRINT);
    }
}

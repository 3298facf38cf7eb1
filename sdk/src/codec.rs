//! How values become bytes for another tab of the same version, and back. Owns the plain types and the macro by which the
//! compound ones are listed; which there are is `message`'s.
//!
//! Not a format for disks or networks: both ends are the same build, which [`fingerprint`] makes sure of. By hand because
//! derived JSON for these types costs 15 kB of the first screen and this costs a fifth of it.

/// A value that goes from tab to tab.
pub(crate) trait Coded: Sized {
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

impl Coded for [u8; 16] {
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

impl<T: Coded> Coded for Vec<T> {
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
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
}

impl<T: Coded, E: Coded> Coded for Result<T, E> {
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

/// A number of this list of types: FNV-1a (64 bits) of its text. Tabs whose lists differ do not talk to each other.
pub(crate) const fn fingerprint(list: &str) -> u64 {
    let (list, mut hash, mut at) = (list.as_bytes(), 0xcbf2_9ce4_8422_2325_u64, 0);
    while at < list.len() {
        hash = (hash ^ list[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Lists types: `struct Name { fields }`, `struct Name(one);`, `enum Name { number Variant, number Variant(fields),
/// number Variant { fields } }`. A field or variant that is missing here does not compile; of those that stand after
/// `without` nothing is written, and what stands for them is not read.
macro_rules! coded {
    ($($all:tt)*) => {
        /// Names what this build says to other tabs.
        pub(crate) const FINGERPRINT: u64 =
            $crate::codec::fingerprint(concat!(env!("CARGO_PKG_VERSION"), stringify!($($all)*)));
        $crate::codec::each_coded! { $($all)* }
    };
}

macro_rules! each_coded {
    () => {};
    (struct $name:ident { $($field:ident),* $(,)? } $($rest:tt)*) => {
        impl $crate::codec::Coded for $name {
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

pub(crate) use {coded, each_coded};

//! Vectors made by others: where they lie and how their bytes are written.
//!
//! They are not part of the project but lie beside it; each test that finds none says so and passes.

use std::io::Write;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Error};

/// The vectors in `shared/vectors/<name>` beside the project, or none (then the skip is printed).
pub(crate) fn beside_the_project<T: DeserializeOwned>(name: &str) -> Option<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors").join(name);
    let Ok(text) = std::fs::read_to_string(path) else {
        // Not `println!`: the test harness hides what passing tests print, and a skip must be seen.
        writeln!(std::io::stderr(), "skipped: vectors not present ({name})").expect("standard error is open");
        return None;
    };
    Some(serde_json::from_str(&text).expect("a vector file has the shape of its kind"))
}

/// Bytes written in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hex(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits: Vec<u8> = text
            .chars()
            .map(|digit| digit.to_digit(16).map(|value| value as u8).ok_or_else(|| D::Error::custom("not hexadecimal")))
            .collect::<Result<_, _>>()?;
        Ok(Self(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()))
    }
}

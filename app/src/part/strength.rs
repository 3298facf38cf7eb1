//! How hard a password is to guess, roughly. Owns the estimate and its bar. It is a hint while typing and refuses
//! nothing; the rule of the server's side is the length alone (NIST SP 800-63B §3.1.1.2).

use crate::client::limit;
use crate::locale;
use leptos::prelude::*;

/// How good a password is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    /// Under the least length.
    TooShort,
    /// Would fall to somebody who tries.
    Weak,
    /// Better.
    Fair,
    /// Good.
    Strong,
}

/// From how many bits on a password is fair: above what is guessed online.
const FAIR_BITS: f64 = 44.0;
/// From how many bits on it is strong: Argon2 slows each guess, and OPAQUE forces each one through the server.
const STRONG_BITS: f64 = 62.0;

/// Estimates a password. A character that repeats or continues the one before counts a quarter.
pub(crate) fn strength(password: &str) -> Strength {
    if password.chars().count() < limit::PASSWORD_MIN_CHARS {
        return Strength::TooShort;
    }
    let bits = symbols(password).log2() * weight(password);
    if bits >= STRONG_BITS {
        Strength::Strong
    } else if bits >= FAIR_BITS {
        Strength::Fair
    } else {
        Strength::Weak
    }
}

/// Of how many symbols the password seems to be made.
fn symbols(password: &str) -> f64 {
    /// Whether a character is of the kind, and how many there are of it.
    type Kind = (fn(char) -> bool, f64);
    let kinds: [Kind; 5] = [
        (|c| c.is_ascii_lowercase(), 26.0),
        (|c| c.is_ascii_uppercase(), 26.0),
        (|c| c.is_ascii_digit(), 10.0),
        (|c| c.is_ascii_punctuation() || c == ' ', 33.0),
        (|c| !c.is_ascii(), 100.0),
    ];
    kinds.iter().filter(|(is, _)| password.chars().any(is)).map(|(_, count)| count).sum()
}

/// How many characters the password is worth.
fn weight(password: &str) -> f64 {
    let mut before: Option<char> = None;
    password.chars().fold(0.0, |sum, now| {
        let step = before.map(|before| (before as i64 - now as i64).abs());
        before = Some(now);
        sum + if step.is_some_and(|step| step <= 1) { 0.25 } else { 1.0 }
    })
}

/// The bar under a new password.
#[component]
pub(crate) fn StrengthBar(#[prop(into)] password: Signal<String>) -> impl IntoView {
    let strength = Memo::new(move |_| strength(&password.read()));
    let words = move || {
        let account = &locale::text().account;
        match strength.get() {
            Strength::TooShort => account.strength_too_short,
            Strength::Weak => account.strength_weak,
            Strength::Fair => account.strength_fair,
            Strength::Strong => account.strength_strong,
        }
    };
    let level = move || match strength.get() {
        Strength::TooShort => "0",
        Strength::Weak => "1",
        Strength::Fair => "2",
        Strength::Strong => "3",
    };
    view! {
        <Show when=move || !password.read().is_empty()>
            <div class="strength" data-level=level>
                <span class="strength-bar" aria-hidden="true">
                    <i></i>
                    <i></i>
                    <i></i>
                </span>
                <span class="strength-words" role="status">
                    <span class="hidden">{locale::text().account.strength} ": "</span>
                    {words}
                </span>
            </div>
        </Show>
    }
}

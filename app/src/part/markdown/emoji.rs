//! Texts of nothing but a few emoji, which are shown big. Owns what counts as one: the blocks of Unicode that hold them.
//! Pure.

/// More of them are a text like any other.
const BIG_MAX: usize = 3;
/// A longer text is none of a few emoji: the longest one in use, a family with tones of skin, has 41 bytes.
const BIG_MAX_BYTES: usize = 41 * BIG_MAX;

/// How many emoji a text is made of, if it is nothing but one to three.
pub(crate) fn few_emoji(text: &str) -> Option<usize> {
    if text.len() > BIG_MAX_BYTES {
        return None;
    }
    let (mut count, mut flags) = (0, 0);
    let mut joined = false;
    for c in text.chars() {
        match c {
            '\u{200d}' => {
                joined = true;
                continue;
            }
            // Variations, tones of skin, the tags of some flags.
            '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}' if count + flags > 0 => {}
            ' ' => {}
            '\u{1f1e6}'..='\u{1f1ff}' => flags += 1,
            '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{2300}'..='\u{23ff}' => {
                count += usize::from(!joined);
            }
            _ => return None,
        }
        joined = false;
    }
    let all = count + flags / 2;
    (1..=BIG_MAX).contains(&all).then_some(all)
}

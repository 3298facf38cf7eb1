//! What the server reads of an MLS commit: its head (RFC 9420 §6). All else is the members' business.
//!
//! The rule: a commit names its group and its epoch itself, and the server files it under nothing else.

use crate::store::group::Committer;
use sotto_wire::ConversationId;

/// `ProtocolVersion` mls10.
const MLS10: [u8; 2] = [0, 1];
/// `WireFormat` mls_public_message and mls_private_message.
const PUBLIC: [u8; 2] = [0, 1];
const PRIVATE: [u8; 2] = [0, 2];
/// `ContentType` commit.
const COMMIT: u8 = 3;
/// `SenderType` member and new_member_commit.
const MEMBER: u8 = 1;
const NEW_MEMBER_COMMIT: u8 = 4;

/// The head of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CommitHead {
    pub(crate) conversation: ConversationId,
    /// The epoch that it is sent in; it leads to the next.
    pub(crate) epoch: u64,
    pub(crate) committer: Committer,
}

/// Reads the head of an `MLSMessage`; `None` for what is not a commit or not of a Sotto group.
pub(crate) fn commit_head(message: &[u8]) -> Option<CommitHead> {
    let (version, rest) = message.split_first_chunk::<2>()?;
    let (format, rest) = rest.split_first_chunk::<2>()?;
    let (group_id, rest) = vector(rest)?;
    let (epoch, rest) = rest.split_first_chunk::<8>()?;
    let (committer, content_type) = match *format {
        PRIVATE => (Committer::Member, *rest.first()?),
        PUBLIC => {
            let (sender, rest) = rest.split_first()?;
            let (committer, rest) = match *sender {
                // uint32 leaf_index
                MEMBER => (Committer::Member, rest.get(4..)?),
                NEW_MEMBER_COMMIT => (Committer::External, rest),
                _ => return None,
            };
            let (_authenticated_data, rest) = vector(rest)?;
            (committer, *rest.first()?)
        }
        _ => return None,
    };
    let conversation = ConversationId(group_id.try_into().ok()?);
    let is_commit = *version == MLS10 && content_type == COMMIT;
    is_commit.then_some(CommitHead { conversation, epoch: u64::from_be_bytes(*epoch), committer })
}

/// A variable-size vector (RFC 9420 §2.1.2): its bytes and what follows.
fn vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length_bytes = match bytes.first()? >> 6 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => return None,
    };
    let (header, rest) = bytes.split_at_checked(length_bytes)?;
    let length = header.iter().enumerate().fold(0_usize, |length, (i, byte)| {
        let value = if i == 0 { byte & 0x3f } else { *byte };
        length << 8 | usize::from(value)
    });
    // The shortest form is the only one allowed.
    let shortest = match length {
        0..64 => 1,
        64..16_384 => 2,
        _ => 4,
    };
    (shortest == length_bytes).then(|| rest.split_at_checked(length)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(format: [u8; 2], after_epoch: &[u8]) -> Vec<u8> {
        [&MLS10[..], &format, &[16], &[9; 16], &7_u64.to_be_bytes(), after_epoch].concat()
    }

    #[test]
    fn private_public_and_external_commits_are_told_apart() {
        let of = |committer| Some(CommitHead { conversation: ConversationId([9; 16]), epoch: 7, committer });
        assert_eq!(commit_head(&head(PRIVATE, &[COMMIT, 0])), of(Committer::Member));
        assert_eq!(commit_head(&head(PUBLIC, &[MEMBER, 0, 0, 0, 1, 0, COMMIT])), of(Committer::Member));
        assert_eq!(commit_head(&head(PUBLIC, &[NEW_MEMBER_COMMIT, 2, 5, 5, COMMIT])), of(Committer::External));
    }

    #[test]
    fn what_is_no_commit_is_refused() {
        let application = 1;
        let external_sender = 2;
        assert_eq!(commit_head(&head(PRIVATE, &[application])), None);
        assert_eq!(commit_head(&head(PUBLIC, &[external_sender, 0, 0, 0, 1, 0, COMMIT])), None);
        assert_eq!(commit_head(&head([0, 3], &[COMMIT])), None);
        let long_form = [&MLS10[..], &PRIVATE, &[0x40, 16], &[9; 16], &[0; 8], &[COMMIT]].concat();
        assert_eq!(commit_head(&long_form), None, "a length in more bytes than it needs");
        let whole = head(PUBLIC, &[NEW_MEMBER_COMMIT, 2, 5, 5, COMMIT]);
        for length in 0..whole.len() {
            assert_eq!(commit_head(&whole[..length]), None, "cut to {length} bytes");
        }
    }
}

//! Whatever bytes come from outside, nothing panics and nothing false is taken.

use super::*;
use proptest::prelude::*;
use std::cell::RefCell;

thread_local! {
    /// One pair for all cases of a property: refused bytes change nothing, so the cases do not see one another.
    static PAIR: RefCell<Pair> = RefCell::new(pair());
}

fn received(ciphertext: Vec<u8>, epoch: u64) -> MessageReceived {
    let sender = Account::new("ada").device(1).device();
    message(sender, ClientId([1; 16]), Sealed { epoch, ciphertext: ciphertext.into() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_bytes_open_as_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..2_000), epoch in 0..3u64) {
        PAIR.with_borrow_mut(|pair| {
            let mut event = received(Vec::new(), epoch);
            event.ciphertext = bytes.clone().into();
            prop_assert!(pair.bob.groups.open(&event).is_err());
            let commit = ConversationCommitted {
                cursor: cursor(),
                conversation: CONVERSATION,
                sender: pair.ada.device(),
                client_id: ClientId([1; 16]),
                epoch,
                commit: bytes.clone().into(),
                sent_at: NOW,
            };
            prop_assert!(pair.bob.groups.follow(&commit).is_err());
            let state = GroupState {
                epoch,
                group_info: bytes.clone().into(),
                ratchet_tree: bytes.clone().into(),
                members: Vec::new(),
            };
            let people = [&pair.ada_account, &pair.bob_account];
            let loaded = loaded(&state, &people);
            prop_assert!(pair.bob.groups.rejoin(CONVERSATION, &loaded, ClientId([1; 16])).is_err());
            Ok(())
        })?;
    }

    #[test]
    fn mutated_message_opens_as_nothing(at in any::<prop::sample::Index>(), flip in 1..=255u8, cut in any::<bool>()) {
        PAIR.with_borrow_mut(|pair| {
            let event = pair.ada.seal("hello", 1);
            let mut changed = event.clone();
            let at = at.index(changed.ciphertext.len());
            if cut { changed.ciphertext.0.truncate(at) } else { changed.ciphertext.0[at] ^= flip }
            prop_assert!(pair.bob.groups.open(&changed).is_err());
            prop_assert!(pair.bob.groups.open(&event).is_ok());
            Ok(())
        })?;
    }

    #[test]
    fn mutated_commit_is_followed_by_nobody(at in any::<prop::sample::Index>(), flip in 1..=255u8, cut in any::<bool>()) {
        PAIR.with_borrow_mut(|pair| {
            let pending = pair.ada.groups.update(CONVERSATION, ClientId([1; 16])).expect("an update");
            let mut changed = committed(pair.ada.device(), &pending);
            pair.ada.groups.abandon(CONVERSATION);
            let at = at.index(changed.commit.len());
            if cut { changed.commit.0.truncate(at) } else { changed.commit.0[at] ^= flip }
            prop_assert!(pair.bob.groups.follow(&changed).is_err());
            Ok(())
        })?;
    }

    #[test]
    fn mutated_tree_or_welcome_is_joined_by_nobody(at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let (ada_account, bob_account) = (Account::new("ada"), Account::new("bob"));
        let (mut ada, mut bob) = (ada_account.device(1), bob_account.device(1));
        let created = ada.groups.create(CONVERSATION, &[bob_account.found()], &[bob.claim()], NOW).expect("a group");
        let event = welcomed(ada.device(), &[&ada_account, &bob_account], &created);
        let mut tree = created.state.ratchet_tree.clone();
        let at_tree = at.index(tree.len());
        tree.0[at_tree] ^= flip;
        prop_assert!(bob.groups.join(&event, &tree).is_err());
        let mut changed = event.clone();
        let at_welcome = at.index(changed.welcome.len());
        changed.welcome.0[at_welcome] ^= flip;
        prop_assert!(bob.groups.join(&changed, &created.state.ratchet_tree).is_err());
    }

    #[test]
    fn random_rows_load_as_nothing(row in 0..5u8, bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        let mut ada = Account::new("ada").device(1);
        let mut place = Place { table: Table::Group, row: [CONVERSATION.0.as_slice(), &[row]].concat() };
        if row == 4 { place.row.extend_from_slice(&[0; 8]) }
        let versioned = [[1].as_slice(), &bytes].concat();
        for value in [bytes, versioned] {
            let record = Record { place: place.clone(), value: value.into() };
            let loaded = ada.groups.load(CONVERSATION, vec![record.clone()]);
            // Random bytes may be a pending commit by their lengths, if hardly ever; a group they cannot be.
            prop_assert!(loaded.is_err() || ada.groups.epoch(CONVERSATION).is_none());
            ada.groups.load_key_packages(vec![record]);
        }
    }
}

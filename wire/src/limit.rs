//! Every limit that both sides know, with its unit in the name and its reason beside it.

/// Shortest sign-in name, in characters.
pub const NAME_MIN_CHARS: usize = 3;
/// Longest sign-in name, in characters (all ASCII: [`crate::account::Name`]).
pub const NAME_MAX_CHARS: usize = 32;
/// Shortest password, in characters. NIST SP 800-63B §3.1.1.2 asks for eight at least.
pub const PASSWORD_MIN_CHARS: usize = 8;
/// Longest password, in bytes: enough for a phrase, bounded because Argon2 reads it all.
pub const PASSWORD_MAX_BYTES: usize = 1_024;
/// Longest display name, in bytes of UTF-8. Inside the ciphertext; the core holds it.
pub const DISPLAY_NAME_MAX_BYTES: usize = 128;
/// Longest message text, in bytes of UTF-8.
pub const TEXT_MAX_BYTES: usize = 16 * 1_024;
/// Longest sealed message, in bytes: a text, its frame and the MLS overhead.
pub const CIPHERTEXT_MAX_BYTES: usize = 64 * 1_024;
/// Longest MLS commit, in bytes: an update in a fresh group of 1 000 devices is 1.3 MB.
pub const COMMIT_MAX_BYTES: usize = 2 * 1_024 * 1_024;
/// Longest MLS Welcome, in bytes, tree apart: 1 000 joiners at 1.4 kB each.
pub const WELCOME_MAX_BYTES: usize = 2 * 1_024 * 1_024;
/// Longest MLS GroupInfo, in bytes, tree apart.
pub const GROUP_INFO_MAX_BYTES: usize = 64 * 1_024;
/// Longest ratchet tree, in bytes: 1 000 leaves at 7 kB each, certificates included.
pub const TREE_MAX_BYTES: usize = 10 * 1_024 * 1_024;
/// Longest key package, in bytes: 2.7 kB of keys, 5.4 kB of certificate.
pub const KEY_PACKAGE_MAX_BYTES: usize = 16 * 1_024;
/// Longest sealed account vault, in bytes.
pub const VAULT_MAX_BYTES: usize = 4 * 1_024;
/// Longest OPAQUE message, in bytes (RFC 9807 §4; with ML-KEM-768 about 2.6 kB).
pub const OPAQUE_MAX_BYTES: usize = 8 * 1_024;
/// Most key packages in one `publish_keys`.
pub const KEY_PACKAGES_MAX: usize = 50;
/// How many one-time key packages a device keeps at the server.
pub const KEY_PACKAGE_STOCK: usize = 50;
/// Under how many it sends more.
pub const KEY_PACKAGE_LOW: usize = 20;
/// Most devices of a group.
pub const MEMBERS_MAX: usize = 1_000;
/// Most users whose key packages one `claim_keys` asks for: their packages are 4 MB.
pub const CLAIM_USERS_MAX: usize = 256;
/// Longest name of a group, in bytes of UTF-8. Inside the ciphertext; the core holds it.
pub const GROUP_NAME_MAX_BYTES: usize = 128;
/// Longest description of a group, in bytes of UTF-8. Inside the ciphertext; the core holds it.
pub const GROUP_DESCRIPTION_MAX_BYTES: usize = 1_024;
/// Largest picture of a group, in bytes: 256 pixels square as WebP. Inside the ciphertext; the core holds it.
pub const GROUP_PICTURE_MAX_BYTES: usize = 24 * 1_024;
/// Most invites of a group that stand at a time: each stands in the group's context, which every commit repeats.
pub const INVITES_MAX: usize = 16;
/// Longest sealed card of an invite, in bytes: name, description, picture and the secrets of the others.
pub const INVITE_CARD_MAX_BYTES: usize = 48 * 1_024;
/// Length of what the holder of an invite shows, and of its SHA-256, in bytes.
pub const INVITE_ACCESS_BYTES: usize = 32;
/// Most people that an account blocks at a time: more is a list that nobody keeps by hand.
pub const BLOCKS_MAX: usize = 1_000;
/// Shortest beginning of a name that is searched for, in characters: one would list everybody in 36 questions.
pub const FIND_PREFIX_MIN_CHARS: usize = 2;
/// Most people found by one search.
pub const FIND_PEOPLE_MAX: usize = 20;
/// Most messages of one page of history.
pub const PAGE_MAX: usize = 100;
/// Longest body of an ordinary command, in bytes, envelope and base64 included.
pub const BODY_MAX_BYTES: usize = 256 * 1_024;
/// Longest body of a command that carries a device's stock of keys, in bytes: [`KEY_PACKAGES_MAX`] packages, a last
/// resort and a certificate as base64, and at sign-up the account's keys and vault.
pub const DEVICE_BODY_MAX_BYTES: usize = 1_280 * 1_024;
/// Longest body of a command that carries group state, in bytes: tree, commit and welcome as base64.
pub const GROUP_BODY_MAX_BYTES: usize = 20 * 1_024 * 1_024;
/// Life of a ticket, in milliseconds.
pub const TICKET_LIFE_MS: u64 = 30_000;
/// Life of an access token, in milliseconds.
pub const ACCESS_LIFE_MS: u64 = 600_000;
/// Longest time between two frames of an idle stream, in milliseconds (T8). Proxies cut at 30 s and more.
pub const HEARTBEAT_MS: u64 = 20_000;
/// After how long without a frame the client gives a stream up, in milliseconds (T8).
pub const STREAM_SILENCE_MS: u64 = 45_000;
/// First and longest delay between two attempts to reconnect, in milliseconds, before full jitter (T9).
pub const RECONNECT_FIRST_MS: u64 = 1_000;
/// See [`RECONNECT_FIRST_MS`].
pub const RECONNECT_LONGEST_MS: u64 = 30_000;
/// How long a long poll is held at most when there is nothing to say, in milliseconds (T3). Proxies cut at 30 s and more.
pub const POLL_HOLD_MS: u64 = 25_000;
/// Commands of one WebSocket that are carried out at a time; of more the server reads nothing until one is answered.
pub const COMMANDS_IN_FLIGHT_MAX: usize = 16;
/// Application messages are accepted for the current epoch and this many before it.
pub const EPOCHS_BEFORE: u64 = 2;
/// A typing notice stands this long unless it is renewed or ended, in milliseconds.
pub const TYPING_LIFE_MS: u64 = 6_000;
/// A typing notice is renewed at most this often, in milliseconds.
pub const TYPING_EVERY_MS: u64 = 3_000;
/// How long a person without a stream still counts as reached, in milliseconds: a reconnect or the pause between two long
/// polls is no absence.
pub const PRESENCE_GRACE_MS: u64 = 15_000;
/// Changes of one person's presence are told at most once in this time, in milliseconds; the newest is told.
pub const PRESENCE_EVERY_MS: u64 = 2_000;
/// Presence is shown in conversations of at most this many people: in larger ones nobody looks at it, and each change
/// would cost one frame a member. Accounts are counted, however many devices each has: when a change is told those that
/// are reached, in an answer all.
pub const PRESENCE_MEMBERS_MAX: usize = 256;
/// Most people in one answer about presence.
pub const PRESENCE_PEOPLE_MAX: usize = 1_000;

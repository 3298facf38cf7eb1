//! Settings: file (TOML) < environment (`SOTTO_…`) < flags. Every value has its unit in its name and its default in
//! `--help`, which is the one list of them.
//!
//! The rule: what is out of range is refused before anything starts.

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};
use sotto_wire::Millis;
use sotto_wire::ticket::Transport;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The command line or the environment is wrong, or help was asked for: print it and leave.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// The settings file cannot be read.
    #[error("read the settings file {path}")]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The settings file is no TOML.
    #[error("parse the settings file {path}")]
    Parse {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: toml::de::Error,
    },
    /// The settings file names what does not exist.
    #[error("the settings file has the unknown key {key}")]
    UnknownKey {
        /// Which.
        key: String,
    },
    /// The settings file has a table or a list where a plain value belongs.
    #[error("the settings file has no plain value for {key}")]
    NotPlain {
        /// Whose.
        key: String,
    },
    /// A value is not in its range.
    #[error("{key} is {value}, not {from} to {to}")]
    OutOfRange {
        /// Whose.
        key: &'static str,
        /// What was given.
        value: u64,
        /// Least allowed.
        from: u64,
        /// Most allowed.
        to: u64,
    },
    /// No transport is offered, or one is named twice.
    #[error("transports must name one at least, and none twice")]
    Transports,
    /// The public origin is not `scheme://host[:port]` as browsers write it.
    #[error("public_origin is not an origin like https://chat.example, in lower case and without the usual port")]
    NotAnOrigin,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A transport of the event stream that may be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum OfferedTransport {
    /// Server-sent events.
    Sse,
    /// WebSocket.
    WebSocket,
    /// Long poll.
    LongPoll,
}

impl From<OfferedTransport> for Transport {
    fn from(offered: OfferedTransport) -> Self {
        match offered {
            OfferedTransport::Sse => Self::Sse,
            OfferedTransport::WebSocket => Self::WebSocket,
            OfferedTransport::LongPoll => Self::LongPoll,
        }
    }
}

/// Where a caller's address is read for the rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AddressSource {
    /// The peer of the connection.
    Peer,
    /// The last entry of `X-Forwarded-For`: only behind a proxy that sets it.
    Forwarded,
}

/// Everything that can be set.
#[derive(Clone, Debug, Parser)]
#[command(name = "sotto-server", version, about = "The Sotto server: one binary with the app inside.")]
#[command(max_term_width = 100)]
pub struct Config {
    /// Settings file (TOML): a key is a flag's name with _ for -, without the dashes in front
    #[arg(long, env = "SOTTO_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the database and the key file; made when missing
    #[arg(long, env = "SOTTO_DATA_DIR", value_name = "FOLDER", default_value = "sotto-data")]
    pub data_dir: PathBuf,
    /// Address to listen on
    #[arg(long, env = "SOTTO_LISTEN", value_name = "ADDRESS:PORT")]
    #[arg(default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 8787)))]
    pub listen: SocketAddr,
    /// Connections that may wait to be accepted
    #[arg(long, env = "SOTTO_LISTEN_BACKLOG_CONNECTIONS", value_name = "COUNT", default_value_t = 4_096)]
    pub listen_backlog_connections: u32,
    /// Connections that one address (IPv6: one /64) may hold at a time, 1 to 65535; not counted behind a proxy
    #[arg(long, env = "SOTTO_CONNECTIONS_PER_ADDRESS", value_name = "COUNT", default_value_t = 16_384)]
    pub connections_per_address: u32,
    /// Where browsers reach the server, as in https://chat.example; without, the Host header must match Origin
    #[arg(long, env = "SOTTO_PUBLIC_ORIGIN", value_name = "ORIGIN")]
    pub public_origin: Option<String>,
    /// Transports of the event stream that clients may use, the preferred one first
    #[arg(long, env = "SOTTO_TRANSPORTS", value_enum, value_name = "LIST", value_delimiter = ',')]
    #[arg(default_value = "sse,web_socket,long_poll")]
    pub transports: Vec<OfferedTransport>,
    /// Event streams that one device may hold at a time, 1 to 65535
    #[arg(long, env = "SOTTO_STREAMS_PER_DEVICE", value_name = "COUNT", default_value_t = 8)]
    pub streams_per_device: u32,
    /// Event streams that one account may hold at a time, 1 to 65535
    #[arg(long, env = "SOTTO_STREAMS_PER_USER", value_name = "COUNT", default_value_t = 64)]
    pub streams_per_user: u32,
    /// Event streams that one address (IPv6: one /64) may hold at a time, 1 to 65535
    #[arg(long, env = "SOTTO_STREAMS_PER_ADDRESS", value_name = "COUNT", default_value_t = 16_384)]
    pub streams_per_address: u32,
    /// How long a long poll is held when there is nothing to say, in milliseconds, 0 to 25000
    #[arg(long, env = "SOTTO_POLL_HOLD_MS", value_name = "MS", default_value_t = sotto_wire::limit::POLL_HOLD_MS)]
    pub poll_hold_ms: u64,
    /// Where a caller's address is read for the rate limits
    #[arg(long, env = "SOTTO_ADDRESS_SOURCE", value_enum, default_value_t = AddressSource::Peer)]
    pub address_source: AddressSource,
    /// Serve the app from this folder, not the one inside the binary (for development)
    #[arg(long, env = "SOTTO_APP_DIR", value_name = "FOLDER")]
    pub app_dir: Option<PathBuf>,
    /// How the log is written
    #[arg(long, env = "SOTTO_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// What is logged, in the words of tracing's EnvFilter
    #[arg(long, env = "SOTTO_LOG_FILTER", value_name = "FILTER", default_value = "info")]
    pub log_filter: String,
    /// How long messages and commits are kept, in days; 0 keeps them for good
    #[arg(long, env = "SOTTO_RETENTION_DAYS", value_name = "DAYS", default_value_t = 0)]
    pub retention_days: u32,
    /// Longest silence of an event stream, in milliseconds, 100 to 20000
    #[arg(long, env = "SOTTO_HEARTBEAT_MS", value_name = "MS", default_value_t = sotto_wire::limit::HEARTBEAT_MS)]
    pub heartbeat_ms: u64,
    /// Life of an access token, in milliseconds, 0 to 3600000
    #[arg(long, env = "SOTTO_ACCESS_LIFE_MS", value_name = "MS", default_value_t = sotto_wire::limit::ACCESS_LIFE_MS)]
    pub access_life_ms: u64,
    /// A session ends after this many days without a refresh, 1 to 3650
    #[arg(long, env = "SOTTO_SESSION_LIFE_DAYS", value_name = "DAYS", default_value_t = 60)]
    pub session_life_days: u64,
    /// How long the refresh token before the current one still works, in milliseconds, 0 to 600000
    #[arg(long, env = "SOTTO_REFRESH_GRACE_MS", value_name = "MS", default_value_t = 60_000)]
    pub refresh_grace_ms: u64,
    /// Longest time from SIGTERM to the end, in milliseconds, 0 to 60000
    #[arg(long, env = "SOTTO_DRAIN_MS", value_name = "MS", default_value_t = 10_000)]
    pub drain_ms: u64,
    /// Streams are told to come back spread over this time after a shutdown, in milliseconds, 0 to 60000
    #[arg(long, env = "SOTTO_SHUTDOWN_SPREAD_MS", value_name = "MS", default_value_t = 5_000)]
    pub shutdown_spread_ms: u64,
    /// How often one may do what costs or tells something
    #[command(flatten)]
    pub rates: Rates,
}

/// How often one may do what costs or tells something. Each is a burst too: that many at once, then that many a minute.
#[derive(Clone, Debug, Args)]
pub struct Rates {
    /// Sign-ups begun a minute from one address (IPv6: from one /64)
    #[arg(long, env = "SOTTO_SIGN_UPS_PER_MINUTE_AND_ADDRESS", value_name = "COUNT", default_value_t = 10)]
    pub sign_ups_per_minute_and_address: u32,
    /// Sign-ins begun a minute from one address (IPv6: from one /64)
    #[arg(long, env = "SOTTO_SIGN_INS_PER_MINUTE_AND_ADDRESS", value_name = "COUNT", default_value_t = 30)]
    pub sign_ins_per_minute_and_address: u32,
    /// Guesses a minute at the password of one name from one address, by sign-in or sign-up
    #[arg(long, env = "SOTTO_GUESSES_PER_MINUTE_NAME_AND_ADDRESS", value_name = "COUNT", default_value_t = 10)]
    pub guesses_per_minute_name_and_address: u32,
    /// Guesses a minute at the password of one name from everywhere
    #[arg(long, env = "SOTTO_GUESSES_PER_MINUTE_AND_NAME", value_name = "COUNT", default_value_t = 60)]
    pub guesses_per_minute_and_name: u32,
    /// Names looked up a minute by one account
    #[arg(long, env = "SOTTO_FINDS_PER_MINUTE_AND_USER", value_name = "COUNT", default_value_t = 60)]
    pub finds_per_minute_and_user: u32,
    /// Key packages claimed a minute by one account
    #[arg(long, env = "SOTTO_CLAIMS_PER_MINUTE_AND_USER", value_name = "COUNT", default_value_t = 1_000)]
    pub claims_per_minute_and_user: u32,
    /// Groups created, moved on and loaded a minute by one account
    #[arg(long, env = "SOTTO_GROUPS_PER_MINUTE_AND_USER", value_name = "COUNT", default_value_t = 600)]
    pub groups_per_minute_and_user: u32,
    /// Changes of presence and looks at it a minute by one account
    #[arg(long, env = "SOTTO_PRESENCES_PER_MINUTE_AND_USER", value_name = "COUNT", default_value_t = 120)]
    pub presences_per_minute_and_user: u32,
    /// Searches for people by the beginning of their names a minute by one account
    #[arg(long, env = "SOTTO_SEARCHES_PER_MINUTE_AND_USER", value_name = "COUNT", default_value_t = 60)]
    pub searches_per_minute_and_user: u32,
    /// Tries a minute to open an invite or to join by one, by one account
    #[arg(long, env = "SOTTO_INVITES_PER_MINUTE_AND_USER", value_name = "COUNT", default_value_t = 10)]
    pub invites_per_minute_and_user: u32,
    /// Tries a minute to open an invite or to join by one, from one address (IPv6: from one /64)
    #[arg(long, env = "SOTTO_INVITES_PER_MINUTE_AND_ADDRESS", value_name = "COUNT", default_value_t = 60)]
    pub invites_per_minute_and_address: u32,
}

impl Config {
    /// The settings of this process.
    ///
    /// # Errors
    /// [`ConfigError`]; [`ConfigError::CommandLine`] is also how `--help` and `--version` come.
    pub fn load() -> Result<Self, ConfigError> {
        let args: Vec<OsString> = std::env::args_os().collect();
        let early = Self::command().ignore_errors(true).try_get_matches_from(&args)?;
        let file = early.try_get_one::<PathBuf>("config").ok().flatten().cloned();
        let mut command = Self::command();
        if let Some(path) = file {
            let text =
                std::fs::read_to_string(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
            command = with_file(command, &path, &text)?;
        }
        let config = Self::from_arg_matches(&command.try_get_matches_from(args)?)?;
        config.check()?;
        Ok(config)
    }

    /// The defaults with the given data folder; neither the environment nor a file is read.
    pub fn with_data_dir(data_dir: &Path) -> Self {
        let command = Self::command().mut_args(|arg| arg.env(None::<&'static str>));
        let args = [OsString::from("sotto-server"), OsString::from("--data-dir"), data_dir.as_os_str().to_owned()];
        let matches = command.try_get_matches_from(args).expect("every flag but the given one has a default");
        Self::from_arg_matches(&matches).expect("defaults parse")
    }

    fn check(&self) -> Result<(), ConfigError> {
        let rates = &self.rates;
        let ranges = [
            ("listen_backlog_connections", u64::from(self.listen_backlog_connections), 1, 65_535),
            ("connections_per_address", u64::from(self.connections_per_address), 1, 65_535),
            ("streams_per_device", u64::from(self.streams_per_device), 1, 65_535),
            ("streams_per_user", u64::from(self.streams_per_user), 1, 65_535),
            ("streams_per_address", u64::from(self.streams_per_address), 1, 65_535),
            ("poll_hold_ms", self.poll_hold_ms, 0, sotto_wire::limit::POLL_HOLD_MS),
            ("retention_days", u64::from(self.retention_days), 0, 36_500),
            ("heartbeat_ms", self.heartbeat_ms, 100, sotto_wire::limit::HEARTBEAT_MS),
            ("access_life_ms", self.access_life_ms, 0, 3_600_000),
            ("session_life_days", self.session_life_days, 1, 3_650),
            ("refresh_grace_ms", self.refresh_grace_ms, 0, 600_000),
            ("drain_ms", self.drain_ms, 0, 60_000),
            ("shutdown_spread_ms", self.shutdown_spread_ms, 0, 60_000),
            ("sign_ups_per_minute_and_address", rates.sign_ups_per_minute_and_address.into(), 1, RATE_MAX),
            ("sign_ins_per_minute_and_address", rates.sign_ins_per_minute_and_address.into(), 1, RATE_MAX),
            ("guesses_per_minute_name_and_address", rates.guesses_per_minute_name_and_address.into(), 1, RATE_MAX),
            ("guesses_per_minute_and_name", rates.guesses_per_minute_and_name.into(), 1, RATE_MAX),
            ("finds_per_minute_and_user", rates.finds_per_minute_and_user.into(), 1, RATE_MAX),
            ("claims_per_minute_and_user", rates.claims_per_minute_and_user.into(), 1, RATE_MAX),
            ("groups_per_minute_and_user", rates.groups_per_minute_and_user.into(), 1, RATE_MAX),
            ("presences_per_minute_and_user", rates.presences_per_minute_and_user.into(), 1, RATE_MAX),
            ("searches_per_minute_and_user", rates.searches_per_minute_and_user.into(), 1, RATE_MAX),
            ("invites_per_minute_and_user", rates.invites_per_minute_and_user.into(), 1, RATE_MAX),
            ("invites_per_minute_and_address", rates.invites_per_minute_and_address.into(), 1, RATE_MAX),
        ];
        for (key, value, from, to) in ranges {
            if !(from..=to).contains(&value) {
                return Err(ConfigError::OutOfRange { key, value, from, to });
            }
        }
        let is_twice = |(at, transport)| self.transports[..at].contains(transport);
        if self.transports.is_empty() || self.transports.iter().enumerate().any(is_twice) {
            return Err(ConfigError::Transports);
        }
        match self.public_origin.as_deref() {
            Some(origin) if !is_as_browsers_write(origin) => Err(ConfigError::NotAnOrigin),
            Some(_) | None => Ok(()),
        }
    }

    /// [`Config::connections_per_address`] as a count; behind a proxy, whose address is everybody's, there is no bound.
    pub(crate) fn connections_per_address(&self) -> usize {
        match self.address_source {
            AddressSource::Peer => usize::try_from(self.connections_per_address).unwrap_or(usize::MAX),
            AddressSource::Forwarded => usize::MAX,
        }
    }

    /// Whether clients may use `transport`.
    pub(crate) fn offers(&self, transport: OfferedTransport) -> bool {
        self.transports.contains(&transport)
    }

    /// What clients may use, best first, in the words of wire.
    pub(crate) fn offered(&self) -> Vec<Transport> {
        self.transports.iter().copied().map(Transport::from).collect()
    }

    /// [`Config::session_life_days`] as time.
    pub(crate) fn session_life(&self) -> Millis {
        Millis(self.session_life_days.saturating_mul(DAY_MS))
    }

    /// [`Config::retention_days`] as time; `None` for good.
    pub(crate) fn retention(&self) -> Option<Millis> {
        (self.retention_days > 0).then(|| Millis(u64::from(self.retention_days) * DAY_MS))
    }
}

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// Highest rate: a million a minute is no limit any more.
const RATE_MAX: u64 = 1_000_000;

/// `host[:port]` of an origin (RFC 6454 §6.2); `None` for what is not `http[s]://host[:port]`.
pub(crate) fn authority_of(origin: &str) -> Option<&str> {
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
    let is_plain = !authority.is_empty() && !authority.contains(['/', '?', '#', '@', ' ']);
    is_plain.then_some(authority)
}

/// Whether `origin` is one in the form of the header `Origin` (RFC 6454 §6.2): in any other it would equal none.
fn is_as_browsers_write(origin: &str) -> bool {
    let usual_port = if origin.starts_with("https://") { ":443" } else { ":80" };
    let has_capitals = origin.bytes().any(|byte| byte.is_ascii_uppercase());
    authority_of(origin).is_some_and(|authority| !authority.ends_with(usual_port)) && !has_capitals
}

/// Makes the values of a settings file the defaults of `command`: the environment and flags still go first.
fn with_file(mut command: clap::Command, path: &Path, text: &str) -> Result<clap::Command, ConfigError> {
    let parse_error = |source| ConfigError::Parse { path: path.to_owned(), source };
    for (key, value) in text.parse::<toml::Table>().map_err(parse_error)? {
        let known = command.get_arguments().any(|arg| arg.get_id().as_str() == key);
        if !known || key == "config" {
            return Err(ConfigError::UnknownKey { key });
        }
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => {
                return Err(ConfigError::NotPlain { key });
            }
        };
        command = command.mut_arg(key, |arg| arg.default_value(value));
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(file: &str, args: &[&str]) -> Result<Config, ConfigError> {
        let bare = Config::command().mut_args(|arg| arg.env(None::<&'static str>));
        let command = with_file(bare, Path::new("sotto.toml"), file)?;
        let config = Config::from_arg_matches(&command.try_get_matches_from(args)?)?;
        config.check()?;
        Ok(config)
    }

    #[test]
    fn command_is_consistent() {
        Config::command().debug_assert();
    }

    #[test]
    fn file_changes_a_default_and_a_flag_overrides_the_file() {
        let file = "heartbeat_ms = 5000\nlisten = \"127.0.0.1:9\"\n";
        let config = parse(file, &["sotto-server", "--heartbeat-ms", "700"]).expect("valid settings");
        assert_eq!(config.heartbeat_ms, 700);
        assert_eq!(config.listen, SocketAddr::from((Ipv4Addr::LOCALHOST, 9)));
        assert_eq!(config.drain_ms, 10_000);
    }

    #[test]
    fn transports_are_a_list_in_the_order_of_preference() {
        let of = |file: &str| parse(file, &["sotto-server"]).map(|config| config.offered());
        let all = vec![Transport::Sse, Transport::WebSocket, Transport::LongPoll];
        assert_eq!(of("").expect("the default"), all);
        let two = of("transports = \"web_socket,sse\"").expect("valid");
        assert_eq!(two, [Transport::WebSocket, Transport::Sse]);
        assert!(matches!(of("transports = \"sse,sse\""), Err(ConfigError::Transports)));
        assert!(matches!(of("transports = \"smoke_signals\""), Err(ConfigError::CommandLine(_))));
        assert!(of("transports = \"\"").is_err());
    }

    #[test]
    fn unknown_key_is_refused() {
        let error = parse("hartbeat_ms = 5000", &["sotto-server"]).expect_err("misspelt");
        assert_eq!(error.to_string(), "the settings file has the unknown key hartbeat_ms");
    }

    #[test]
    fn value_out_of_range_is_refused() {
        let error = parse("heartbeat_ms = 60000", &["sotto-server"]).expect_err("over what clients wait for");
        assert_eq!(error.to_string(), "heartbeat_ms is 60000, not 100 to 20000");
    }

    #[test]
    fn value_of_the_wrong_type_is_refused() {
        assert!(matches!(parse("heartbeat_ms = \"soon\"", &["sotto-server"]), Err(ConfigError::CommandLine(_))));
        assert!(matches!(parse("listen = [1]", &["sotto-server"]), Err(ConfigError::NotPlain { .. })));
    }

    #[test]
    fn origin_that_no_browser_would_send_is_refused() {
        for origin in [
            "https://chat.example/x",
            "https://chat.example/",
            "https://Chat.example",
            "https://chat.example:443",
            "http://chat.example:80",
            "ftp://chat.example",
            "chat.example",
            "https://",
        ] {
            let outcome = parse("", &["sotto-server", "--public-origin", origin]);
            assert!(matches!(outcome, Err(ConfigError::NotAnOrigin)), "{origin}");
        }
        for origin in
            ["https://chat.example", "https://chat.example:8443", "http://chat.example:443", "http://[::1]:8787"]
        {
            assert!(parse("", &["sotto-server", "--public-origin", origin]).is_ok(), "{origin}");
        }
    }
}

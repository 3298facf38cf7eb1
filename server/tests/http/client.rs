//! A server on a port of its own, and a client that speaks its protocol. Owns no assertion.

use opaque_ke::rand::rngs::OsRng;
use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
    CredentialResponse, Identifiers, RegistrationResponse,
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, SET_COOKIE};
use sotto_server::{Clock, Config, LoginSuite, serve_by};
use sotto_wire::account::{Identity, Name, RegisterFinish, RegisterFinishRequest, RegisterStart, RegisterStartRequest};
use sotto_wire::key::NewDevice;
use sotto_wire::session::{
    LoginFinish, LoginFinishRequest, LoginFinished, LoginStart, LoginStartRequest, Refresh, RefreshRequest, Refreshed,
};
use sotto_wire::{Base64, Code, DeviceId, Endpoint, Millis, Problem, RequestId, UserId, envelope};
use sqlx::{AnyConnection, Connection as _};
use std::net::Ipv4Addr;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server; ended by [`Server::stop`].
pub(crate) struct Server {
    pub(crate) origin: String,
    pub(crate) config: Config,
    pub(crate) http: reqwest::Client,
    pub(crate) clock: Clock,
    folder: TempDir,
    shutdown: oneshot::Sender<()>,
    task: JoinHandle<Result<(), sotto_server::ServeError>>,
}

/// Settings of a test: limits out of the way.
pub(crate) fn roomy(folder: &TempDir) -> Config {
    let mut config = Config::with_data_dir(folder.path());
    for rate in [
        &mut config.rates.sign_ups_per_minute_and_address,
        &mut config.rates.sign_ins_per_minute_and_address,
        &mut config.rates.guesses_per_minute_name_and_address,
        &mut config.rates.guesses_per_minute_and_name,
        &mut config.rates.finds_per_minute_and_user,
        &mut config.rates.claims_per_minute_and_user,
        &mut config.rates.groups_per_minute_and_user,
        &mut config.rates.presences_per_minute_and_user,
        &mut config.rates.searches_per_minute_and_user,
        &mut config.rates.invites_per_minute_and_user,
        &mut config.rates.invites_per_minute_and_address,
    ] {
        *rate = 1_000_000;
    }
    config
}

impl Server {
    /// Starts with roomy settings.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Starts with roomy settings, changed by `change`.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_by(Clock::System, change).await
    }

    /// Starts with another clock than the machine's.
    pub(crate) async fn start_by(clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = roomy(&folder);
        change(&mut config);
        Self::start_in(folder, clock, config).await
    }

    async fn start_in(folder: TempDir, clock: Clock, config: Config) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("bound"));
        let (shutdown, ended) = oneshot::channel::<()>();
        let ended = async move {
            let _ = ended.await;
        };
        let task = tokio::spawn(serve_by(clock.clone(), config.clone(), listener, ended));
        // Its connections are closed with it, so that a stopping server has nothing to wait for.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
        Self { origin, config, http, clock, folder, shutdown, task }
    }

    /// Stops it and waits for its end; gives back its folder.
    pub(crate) async fn stop(self) -> TempDir {
        let _ = self.shutdown.send(());
        self.task.await.expect("no panic").expect("a clean end");
        self.folder
    }

    /// Stops it and starts another on the same folder.
    pub(crate) async fn restart(self) -> Self {
        let (clock, config) = (self.clock.clone(), self.config.clone());
        let folder = self.stop().await;
        Self::start_in(folder, clock, config).await
    }

    /// How many rows each table of accounts has.
    pub(crate) async fn rows(&self) -> Vec<i64> {
        let mut database = self.database().await;
        let mut counts = Vec::new();
        for count in [
            "SELECT COUNT(*) FROM account",
            "SELECT COUNT(*) FROM device",
            "SELECT COUNT(*) FROM session",
            "SELECT COUNT(*) FROM key_package WHERE package IS NOT NULL",
        ] {
            counts.push(sqlx::query_scalar(count).fetch_one(&mut database).await.expect("a count"));
        }
        counts
    }

    /// A connection to its database.
    pub(crate) async fn database(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}", self.folder.path().join("sotto.db").display());
        AnyConnection::connect(&url).await.expect("a database")
    }

    /// Sends bytes to a path.
    pub(crate) async fn post(&self, path: &str, headers: HeaderMap, body: Vec<u8>) -> Reply {
        let url = format!("{}{path}", self.origin);
        Reply::of(self.http.post(url).headers(headers).body(body).send().await.expect("an answer")).await
    }

    /// Calls an endpoint with these headers.
    pub(crate) async fn call_with<E: Endpoint>(
        &self,
        headers: HeaderMap,
        request: &E::Request,
    ) -> Result<E::Response, Problem> {
        let (reply, _) = self.answer::<E>(headers, request).await;
        envelope::response::<E>(&reply.body)
    }

    /// Calls an endpoint and gives the answer as it came, and the refresh cookie in it.
    pub(crate) async fn answer<E: Endpoint>(
        &self,
        mut headers: HeaderMap,
        request: &E::Request,
    ) -> (Reply, Option<String>) {
        headers.insert(CONTENT_TYPE, "application/json".parse().expect("a value"));
        let body = envelope::request::<E>(request, RequestId::new("r1").expect("valid"), Millis(0));
        let reply = self.post(E::PATH, headers, body).await;
        let cookie = reply.headers.get(SET_COOKIE).and_then(|value| value.to_str().ok()?.split(';').next());
        let cookie = cookie.map(str::to_owned);
        (reply, cookie)
    }

    /// Calls a public endpoint.
    pub(crate) async fn call<E: Endpoint>(&self, request: &E::Request) -> Result<E::Response, Problem> {
        self.call_with::<E>(HeaderMap::new(), request).await
    }

    /// Refreshes by a cookie (`name=value`).
    pub(crate) async fn refresh(&self, cookie: &str) -> Result<(Refreshed, String), Problem> {
        let (reply, next) = self.answer::<Refresh>(cookie_header(cookie), &RefreshRequest {}).await;
        let refreshed = envelope::response::<Refresh>(&reply.body)?;
        Ok((refreshed, next.expect("a refresh sets the cookie")))
    }
}

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.expect("a body").to_vec() }
    }

    /// Sends a GET.
    pub(crate) async fn to_get(server: &Server, path: &str, headers: HeaderMap) -> Self {
        let url = format!("{}{path}", server.origin);
        Self::of(server.http.get(url).headers(headers).send().await.expect("an answer")).await
    }

    /// Status and code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, Code) {
        let envelope = envelope::open(&self.body).expect("an envelope");
        assert_eq!(envelope.kind, envelope::ERROR);
        (self.status, envelope::payload::<Problem>(&envelope).expect("a problem").code)
    }

    /// The request id that it echoes.
    pub(crate) fn request_id(&self) -> Option<String> {
        envelope::open(&self.body).expect("an envelope").request_id.map(|id| id.as_str().to_owned())
    }
}

/// The problem's code, for what must be refused.
pub(crate) fn code_of<T>(outcome: Result<T, Problem>) -> Option<Code> {
    outcome.err().map(|problem| problem.code)
}

/// Somebody with an account and a signed-in device.
pub(crate) struct Person {
    pub(crate) name: Name,
    pub(crate) user: UserId,
    pub(crate) device: NewDevice,
    pub(crate) access_token: String,
    /// `name=value`.
    pub(crate) cookie: String,
    pub(crate) export_key: Vec<u8>,
}

pub(crate) const PASSWORD: &str = "correct horse battery staple";

impl Person {
    /// Signs up.
    pub(crate) async fn sign_up(server: &Server, name: &str) -> Self {
        let (request, export_key) = registration(server, name, PASSWORD).await.expect("a start");
        Self::finish_sign_up(server, request, export_key).await.expect("a free name")
    }

    pub(crate) async fn finish_sign_up(
        server: &Server,
        request: RegisterFinishRequest,
        export_key: Vec<u8>,
    ) -> Result<Self, Problem> {
        let (reply, cookie) = server.answer::<RegisterFinish>(HeaderMap::new(), &request).await;
        let registered = envelope::response::<RegisterFinish>(&reply.body)?;
        Ok(Self {
            name: request.name,
            user: request.user,
            device: request.device,
            access_token: registered.tokens.access_token,
            cookie: cookie.expect("sign-up sets the cookie"),
            export_key,
        })
    }

    /// Calls an endpoint as this person.
    pub(crate) async fn call<E: Endpoint>(
        &self,
        server: &Server,
        request: &E::Request,
    ) -> Result<E::Response, Problem> {
        server.call_with::<E>(bearer(&self.access_token), request).await
    }
}

/// What a client sends to finish a sign-up, and its export key.
pub(crate) async fn registration(
    server: &Server,
    name: &str,
    password: &str,
) -> Result<(RegisterFinishRequest, Vec<u8>), Problem> {
    let name = Name::new(name).expect("a valid name");
    let start = ClientRegistration::<LoginSuite>::start(&mut OsRng, password.as_bytes()).expect("a start");
    let request =
        RegisterStartRequest { name: name.clone(), registration_request: start.message.serialize().to_vec().into() };
    let started = server.call::<RegisterStart>(&request).await?;
    let response = RegistrationResponse::deserialize(started.registration_response.as_slice()).expect("a response");
    let parameters = ClientRegistrationFinishParameters::new(identifiers(&name), None);
    let finish = start.state.finish(&mut OsRng, password.as_bytes(), response, parameters).expect("a finish");
    let request = RegisterFinishRequest {
        name: name.clone(),
        registration_record: finish.message.serialize().to_vec().into(),
        user: UserId(random()),
        identity: Identity { ed25519: vec![1; 32].into(), ml_dsa_65: vec![2; 1_952].into() },
        vault: b"sealed".to_vec().into(),
        device: new_device(3),
    };
    Ok((request, finish.export_key.to_vec()))
}

/// Signs in; the answer, the cookie and the export key.
pub(crate) async fn sign_in(
    server: &Server,
    (name, password): (&str, &str),
    device: Option<DeviceId>,
) -> Result<(LoginFinished, String, Vec<u8>), Problem> {
    let name = Name::new(name).expect("a valid name");
    let start = ClientLogin::<LoginSuite>::start(&mut OsRng, password.as_bytes()).expect("a start");
    let request =
        LoginStartRequest { name: name.clone(), credential_request: start.message.serialize().to_vec().into() };
    let started = server.call::<LoginStart>(&request).await?;
    let response = CredentialResponse::deserialize(started.credential_response.as_slice()).expect("a response");
    let parameters = ClientLoginFinishParameters::new(Some(b"sotto login v1"), identifiers(&name), None);
    let finish = start
        .state
        .finish(&mut OsRng, password.as_bytes(), response, parameters)
        .map_err(|_| Problem::new(Code::SignInRefused))?;
    let request = LoginFinishRequest {
        login: started.login,
        credential_finalization: finish.message.serialize().to_vec().into(),
        device,
    };
    let (reply, cookie) = server.answer::<LoginFinish>(HeaderMap::new(), &request).await;
    let finished = envelope::response::<LoginFinish>(&reply.body)?;
    Ok((finished, cookie.expect("sign-in sets the cookie"), finish.export_key.to_vec()))
}

fn identifiers(name: &Name) -> Identifiers<'_> {
    Identifiers { client: Some(name.as_str().as_bytes()), server: Some(b"sotto") }
}

/// A device with `count` one-time packages.
pub(crate) fn new_device(count: u8) -> NewDevice {
    let device = DeviceId(random());
    NewDevice {
        device,
        certificate: b"certificate".to_vec().into(),
        key_packages: packages(&device, 0..count),
        last_resort: b"last resort".to_vec().into(),
    }
}

/// Key packages that name their device and number.
pub(crate) fn packages(device: &DeviceId, numbers: std::ops::Range<u8>) -> Vec<Base64> {
    numbers.map(|n| [device.0.as_slice(), &[n]].concat().into()).collect()
}

pub(crate) fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("randomness");
    bytes
}

pub(crate) fn bearer(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().expect("a value"))])
}

pub(crate) fn cookie_header(cookie: &str) -> HeaderMap {
    HeaderMap::from_iter([(COOKIE, cookie.parse().expect("a value"))])
}

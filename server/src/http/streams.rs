//! How many streams may be open (T16): of one address, of one account, of one device, whatever the transport.
//!
//! The rule: over a cap the new stream is refused and those that are open go on, so that nobody is thrown out by a
//! client that runs wild.

use crate::config::Config;
use crate::http::accept::CONNECTIONS_MAX;
use crate::refusal::Refusal;
use crate::share::{Network, Share, Shares};
use sotto_wire::{Code, DeviceId, DeviceRef, Millis, Problem, UserId};
use std::sync::Arc;

/// When to come back: a stream whose client has gone is noticed within a minute, most at once.
const RETRY: Millis = Millis(10_000);

/// The streams that are open.
pub(crate) struct Streams {
    addresses: Arc<Shares<Network>>,
    users: Arc<Shares<UserId>>,
    devices: Arc<Shares<DeviceId>>,
}

/// That a stream may be open; counts until it is dropped.
pub(crate) struct Admission {
    _address: Share<Network>,
    _user: Share<UserId>,
    _device: Share<DeviceId>,
}

impl Streams {
    /// The caps that the operator has set.
    pub(crate) fn new(config: &Config) -> Self {
        let all_max = CONNECTIONS_MAX as usize;
        Self {
            addresses: Shares::new(all_max, config.streams_per_address as usize),
            users: Shares::new(all_max, config.streams_per_user as usize),
            devices: Shares::new(all_max, config.streams_per_device as usize),
        }
    }

    /// Admits one more stream of `device` from `network`.
    pub(crate) fn admit(&self, network: Network, device: DeviceRef) -> Result<Admission, Refusal> {
        let mut address = self.addresses.join(network);
        let mut user = self.users.join(device.user);
        let mut of_device = self.devices.join(device.device);
        if address.take(1) && user.take(1) && of_device.take(1) {
            Ok(Admission { _address: address, _user: user, _device: of_device })
        } else {
            Err(Problem::new(Code::TooManyStreams).after(RETRY).into())
        }
    }
}

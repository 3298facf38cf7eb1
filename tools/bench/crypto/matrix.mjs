//! The peer of `crypto`: two OlmMachines of matrix-sdk-crypto-wasm with stores in memory and one room key between them,
//! their requests answered here as a homeserver would.
import {
  DecryptionSettings, DeviceId, DeviceLists, EncryptionSettings, OlmMachine, RequestType, RoomId, TrustRequirement,
  UserId, initAsync,
} from '@matrix-org/matrix-sdk-crypto-wasm';

const ROOM = '!bench:localhost';
const ALICE = '@alice:localhost';
const BOB = '@bob:localhost';

/** What a homeserver keeps: device keys and one-time keys by user. */
class Homeserver {
  devices = {};
  oneTimeKeys = {};

  answer(user, device, request) {
    const body = JSON.parse(request.body);
    if (request.type === RequestType.KeysUpload) {
      if (body.device_keys) this.devices[user] = { [device]: body.device_keys };
      Object.assign((this.oneTimeKeys[user] ??= {}), body.one_time_keys);
      return { one_time_key_counts: { signed_curve25519: Object.keys(this.oneTimeKeys[user]).length } };
    }
    if (request.type === RequestType.KeysQuery) {
      return { device_keys: Object.fromEntries(Object.keys(body.device_keys).map((u) => [u, this.devices[u] ?? {}])) };
    }
    if (request.type === RequestType.KeysClaim) {
      const claim = (u) => Object.entries(this.oneTimeKeys[u])[0];
      const keys = Object.keys(body.one_time_keys).map((u) => {
        const [id, key] = claim(u);
        return [u, { [Object.keys(this.devices[u])[0]]: { [id]: key } }];
      });
      return { one_time_keys: Object.fromEntries(keys) };
    }
    return {};
  }
}

async function settle(homeserver, machine, user, device) {
  for (const request of await machine.outgoingRequests()) {
    const answer = homeserver.answer(user, device, request);
    await machine.markRequestAsSent(request.id, request.type, JSON.stringify(answer));
  }
}

/** Two machines that share a room key, as something that seals and opens texts of `size` bytes. */
export async function matrix(size) {
  await initAsync();
  const homeserver = new Homeserver();
  const alice = await OlmMachine.initialize(new UserId(ALICE), new DeviceId('A'));
  const bob = await OlmMachine.initialize(new UserId(BOB), new DeviceId('B'));
  await settle(homeserver, alice, ALICE, 'A');
  await settle(homeserver, bob, BOB, 'B');
  await alice.updateTrackedUsers([new UserId(BOB)]);
  await settle(homeserver, alice, ALICE, 'A');
  const claim = await alice.getMissingSessions([new UserId(BOB)]);
  await alice.markRequestAsSent(claim.id, claim.type, JSON.stringify(homeserver.answer(ALICE, 'A', claim)));
  const decryption = () => new DecryptionSettings(TrustRequirement.Untrusted);
  const settings = new EncryptionSettings();
  // One room key for the whole run: making and sharing one is not what is measured.
  settings.rotationPeriodMessages = 10_000n;
  for (const share of await alice.shareRoomKey(new RoomId(ROOM), [new UserId(BOB)], settings)) {
    const content = JSON.parse(share.body).messages[BOB].B;
    const events = JSON.stringify([{ type: share.event_type, sender: ALICE, content }]);
    await bob.receiveSyncChanges(events, new DeviceLists(), new Map(), new Set(), decryption());
    await alice.markRequestAsSent(share.id, share.type, '{}');
  }
  const content = JSON.stringify({ msgtype: 'm.text', body: 'x'.repeat(size) });
  let sent = 0;
  return {
    seal: () => alice.encryptRoomEvent(new RoomId(ROOM), 'm.room.message', content),
    open: (sealed) => {
      sent += 1;
      const event = {
        type: 'm.room.encrypted', sender: ALICE, event_id: `$${sent}:localhost`, room_id: ROOM, origin_server_ts: sent,
        content: JSON.parse(sealed),
      };
      return bob.decryptRoomEvent(JSON.stringify(event), new RoomId(ROOM), decryption());
    },
  };
}

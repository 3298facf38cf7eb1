//! The suite as mls-rs wants it: [`Provider`] hands out [`Suite`], which runs every operation.
//!
//! Owns the wiring of the primitives and nothing else.

use mls_rs_core::crypto::{
    CipherSuite, CipherSuiteProvider, CryptoProvider, HpkeCiphertext, HpkePsk, HpkePublicKey, HpkeSecretKey,
    SignaturePublicKey, SignatureSecretKey,
};
use mls_rs_crypto_hpke::context::{ContextR, ContextS};
use mls_rs_crypto_hpke::hpke::Hpke;
use mls_rs_crypto_traits::{AeadType, KdfType};
use zeroize::Zeroizing;

use crate::kem::{XWing, derive_key_pair};
use crate::random::Random;
use crate::{Aes256Gcm, HkdfSha384, SuiteError, kdf, sign};

/// MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519 of draft-ietf-mls-pq-ciphersuites: X-Wing, HKDF-SHA384,
/// AES-256-GCM, Ed25519. It has no IANA number yet; this one is of the private-use range (RFC 9420 §17.1).
pub const MLS_128_MLKEM768X25519_AES256GCM_SHA384_ED25519: u16 = 0xF04E;

/// The one suite of Sotto.
pub const SUITE: CipherSuite = CipherSuite::new(MLS_128_MLKEM768X25519_AES256GCM_SHA384_ED25519);

/// Source of [`Suite`]s that share one random source.
#[derive(Clone)]
pub struct Provider {
    pub(crate) random: Random,
}

impl Provider {
    /// A provider whose randomness all comes from `seed`: 32 bytes of entropy, never used twice outside tests.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { random: Random::new(seed) }
    }

    /// Fills `out` with random bytes of the same source, for ids and nonces outside MLS.
    pub fn fill(&self, out: &mut [u8]) {
        self.random.fill(out);
    }
}

impl CryptoProvider for Provider {
    type CipherSuiteProvider = Suite;

    fn supported_cipher_suites(&self) -> Vec<CipherSuite> {
        vec![SUITE]
    }

    fn cipher_suite_provider(&self, cipher_suite: CipherSuite) -> Option<Suite> {
        (cipher_suite == SUITE).then(|| Suite::new(self))
    }
}

/// The operations of [`SUITE`].
#[derive(Clone)]
pub struct Suite {
    random: Random,
    hpke: Hpke<XWing, HkdfSha384, Aes256Gcm>,
}

impl Suite {
    fn new(provider: &Provider) -> Self {
        Self { random: provider.random.clone(), hpke: Hpke::new(XWing::new(provider), HkdfSha384, Some(Aes256Gcm)) }
    }
}

impl CipherSuiteProvider for Suite {
    type Error = SuiteError;
    type HpkeContextS = ContextS<HkdfSha384, Aes256Gcm>;
    type HpkeContextR = ContextR<HkdfSha384, Aes256Gcm>;

    fn cipher_suite(&self) -> CipherSuite {
        SUITE
    }

    fn hash(&self, data: &[u8]) -> Result<Vec<u8>, SuiteError> {
        Ok(kdf::hash(data))
    }

    fn mac(&self, key: &[u8], data: &[u8]) -> Result<Vec<u8>, SuiteError> {
        Ok(kdf::mac(key, data))
    }

    fn aead_seal(&self, key: &[u8], data: &[u8], aad: Option<&[u8]>, nonce: &[u8]) -> Result<Vec<u8>, SuiteError> {
        Aes256Gcm.seal(key, data, aad, nonce)
    }

    fn aead_open(
        &self,
        key: &[u8],
        ciphertext: &[u8],
        aad: Option<&[u8]>,
        nonce: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SuiteError> {
        Aes256Gcm.open(key, ciphertext, aad, nonce).map(Zeroizing::new)
    }

    fn aead_key_size(&self) -> usize {
        Aes256Gcm.key_size()
    }

    fn aead_nonce_size(&self) -> usize {
        Aes256Gcm.nonce_size()
    }

    fn kdf_extract(&self, salt: &[u8], ikm: &[u8]) -> Result<Zeroizing<Vec<u8>>, SuiteError> {
        HkdfSha384.extract(salt, ikm).map(Zeroizing::new)
    }

    fn kdf_expand(&self, prk: &[u8], info: &[u8], len: usize) -> Result<Zeroizing<Vec<u8>>, SuiteError> {
        HkdfSha384.expand(prk, info, len).map(Zeroizing::new)
    }

    fn kdf_extract_size(&self) -> usize {
        HkdfSha384.extract_size()
    }

    fn hpke_seal(
        &self,
        remote_key: &HpkePublicKey,
        info: &[u8],
        aad: Option<&[u8]>,
        pt: &[u8],
    ) -> Result<HpkeCiphertext, SuiteError> {
        Ok(self.hpke.seal(remote_key, info, None, aad, pt)?)
    }

    fn hpke_seal_psk(
        &self,
        remote_key: &HpkePublicKey,
        info: &[u8],
        aad: Option<&[u8]>,
        pt: &[u8],
        psk: HpkePsk<'_>,
    ) -> Result<HpkeCiphertext, SuiteError> {
        Ok(self.hpke.seal(remote_key, info, Some(psk), aad, pt)?)
    }

    fn hpke_open(
        &self,
        ciphertext: &HpkeCiphertext,
        local_secret: &HpkeSecretKey,
        local_public: &HpkePublicKey,
        info: &[u8],
        aad: Option<&[u8]>,
    ) -> Result<Zeroizing<Vec<u8>>, SuiteError> {
        Ok(self.hpke.open(ciphertext, local_secret, local_public, info, None, aad)?)
    }

    fn hpke_open_psk(
        &self,
        ciphertext: &HpkeCiphertext,
        local_secret: &HpkeSecretKey,
        local_public: &HpkePublicKey,
        info: &[u8],
        aad: Option<&[u8]>,
        psk: HpkePsk<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, SuiteError> {
        Ok(self.hpke.open(ciphertext, local_secret, local_public, info, Some(psk), aad)?)
    }

    fn hpke_setup_s(
        &self,
        remote_key: &HpkePublicKey,
        info: &[u8],
    ) -> Result<(Vec<u8>, Self::HpkeContextS), SuiteError> {
        Ok(self.hpke.setup_sender(remote_key, info, None)?)
    }

    fn hpke_setup_r(
        &self,
        kem_output: &[u8],
        local_secret: &HpkeSecretKey,
        local_public: &HpkePublicKey,
        info: &[u8],
    ) -> Result<Self::HpkeContextR, SuiteError> {
        Ok(self.hpke.setup_receiver(kem_output, local_secret, local_public, info, None)?)
    }

    // Not `Hpke::derive`: that is the DHKEM step of RFC 9180 §7.1.3, which X-Wing does not have.
    fn kem_derive(&self, ikm: &[u8]) -> Result<(HpkeSecretKey, HpkePublicKey), SuiteError> {
        Ok(derive_key_pair(ikm))
    }

    fn kem_generate(&self) -> Result<(HpkeSecretKey, HpkePublicKey), SuiteError> {
        Ok(self.hpke.generate()?)
    }

    fn kem_public_key_validate(&self, key: &HpkePublicKey) -> Result<(), SuiteError> {
        Ok(self.hpke.public_key_validate(key)?)
    }

    fn random_bytes(&self, out: &mut [u8]) -> Result<(), SuiteError> {
        self.random.fill(out);
        Ok(())
    }

    fn signature_key_generate(&self) -> Result<(SignatureSecretKey, SignaturePublicKey), SuiteError> {
        Ok(sign::generate(&self.random))
    }

    fn signature_key_derive_public(&self, secret_key: &SignatureSecretKey) -> Result<SignaturePublicKey, SuiteError> {
        sign::derive_public(secret_key)
    }

    fn sign(&self, secret_key: &SignatureSecretKey, data: &[u8]) -> Result<Vec<u8>, SuiteError> {
        sign::sign(secret_key, data)
    }

    fn verify(&self, public_key: &SignaturePublicKey, signature: &[u8], data: &[u8]) -> Result<(), SuiteError> {
        sign::verify(public_key, signature, data)
    }
}

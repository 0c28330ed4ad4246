//! Sealing of secrets at rest: AES-256-GCM (NIST SP 800-38D) under one master key.
//!
//! A sealed value is the text `v1:<fingerprint>:<base64 of nonce, ciphertext and tag>`. What it belongs to is
//! authenticated with it (see [`Aad`]), so that a value copied into another row does not open there.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::entropy::{EntropyError, random_bytes};
use crate::files::{beside, create_private, sync_folder_of};

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
/// The version of the format of sealed values, part of their text and of what is authenticated.
const VERSION: u8 = 1;

/// The key that seals all others: 32 bytes. It can be neither printed nor compared, and is wiped when dropped.
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

/// A master key could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The file could not be read or made.
    #[error("{path}: cannot {action} the master key: {source}")]
    File {
        /// The key's file.
        path: PathBuf,
        /// "read" or "create".
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The text is not a key.
    #[error(
        "the master key must be 32 bytes in base64 (44 characters), as `head -c 32 /dev/urandom | base64` prints"
    )]
    Malformed,
    /// No randomness to make a key from.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl MasterKey {
    /// Takes the key's 32 bytes.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a key from base64, with or without surrounding white space.
    pub fn from_base64(text: &str) -> Result<Self, MasterKeyError> {
        let bytes = Zeroizing::new(
            STANDARD
                .decode(text.trim())
                .map_err(|_| MasterKeyError::Malformed)?,
        );
        let bytes = bytes
            .as_slice()
            .try_into()
            .map_err(|_| MasterKeyError::Malformed)?;
        Ok(Self::from_bytes(bytes))
    }

    /// Reads the key from a file; makes the file (mode 0600) with a new key if there is none. Of two processes that
    /// start together one makes it and both get the same key.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        if !path.exists() {
            create_key_file(path)?;
        }
        let read = |source| MasterKeyError::File {
            path: path.to_owned(),
            action: "read",
            source,
        };
        Self::from_base64(&Zeroizing::new(fs::read_to_string(path).map_err(read)?))
    }

    /// The first 8 hexadecimal digits of the key's SHA-256: tells keys apart and gives nothing away.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(self.0.as_slice())
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The file appears whole or not at all: it is written under another name and linked into place, which fails if
/// another process was faster.
fn create_key_file(path: &Path) -> Result<(), MasterKeyError> {
    let failed = |source| MasterKeyError::File {
        path: path.to_owned(),
        action: "create",
        source,
    };
    let key = Zeroizing::new(random_bytes::<KEY_BYTES>()?);
    let text = Zeroizing::new(STANDARD.encode(key.as_slice()) + "\n");
    let draft = beside(path, &format!(".{}", u64::from_le_bytes(random_bytes()?)));
    let linked = create_private(&draft)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
        })
        .and_then(|()| match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        });
    let removed = fs::remove_file(&draft);
    linked
        .and(removed)
        .and_then(|()| sync_folder_of(path))
        .map_err(failed)
}

/// What a sealed value belongs to; authenticated with it, not stored in it.
#[derive(Clone, Copy)]
pub struct Aad<'a> {
    /// The version of the format.
    pub version: u8,
    /// The table of the row.
    pub table: &'a str,
    /// The row's id.
    pub row: &'a str,
    /// The owner's id.
    pub user: &'a str,
    /// The provider that the secret may be shown to.
    pub provider: &'a str,
    /// The fingerprint of the master key.
    pub key_id: &'a str,
}

impl Aad<'_> {
    /// Every field with its length before it, so that no text can be moved from one field to the next.
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![self.version];
        for field in [self.table, self.row, self.user, self.provider, self.key_id] {
            bytes.extend_from_slice(&(field.len() as u64).to_be_bytes());
            bytes.extend_from_slice(field.as_bytes());
        }
        bytes
    }
}

/// Why a value could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Another master key sealed it.
    #[error(
        "this secret was sealed with master key {sealed_with}, but the key loaded is {loaded}: give back the master key that was in use, or set the secret anew"
    )]
    WrongMasterKey {
        /// Fingerprint of the key that sealed the value.
        sealed_with: String,
        /// Fingerprint of the key in use.
        loaded: String,
    },
    /// The text is not a sealed value of a version this program knows.
    #[error("this is not a sealed secret of a format this release knows")]
    UnknownFormat,
    /// The value was altered, or belongs to another row.
    #[error("this secret was altered or moved from another row; set it anew")]
    Tampered,
    /// No randomness for a nonce.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

/// Seals and opens secrets with one master key. Cheap to clone.
#[derive(Clone)]
pub struct Sealer(Arc<SealerInner>);

struct SealerInner {
    cipher: Aes256Gcm,
    fingerprint: String,
}

impl Sealer {
    /// A sealer for this key, which is wiped.
    pub fn new(key: MasterKey) -> Self {
        let cipher = Aes256Gcm::new(key.0.as_slice().into());
        Self(Arc::new(SealerInner {
            cipher,
            fingerprint: key.fingerprint(),
        }))
    }

    /// The fingerprint of the master key.
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    /// What a row's secret is bound to, under the present format and key.
    pub fn aad<'a>(
        &'a self,
        table: &'a str,
        row: &'a str,
        user: &'a str,
        provider: &'a str,
    ) -> Aad<'a> {
        Aad {
            version: VERSION,
            table,
            row,
            user,
            provider,
            key_id: self.fingerprint(),
        }
    }

    /// Seals a secret for the row that `aad` names. The nonce is random: up to 2^32 values per key are safe.
    pub fn seal(&self, secret: &[u8], aad: &Aad<'_>) -> Result<String, SealError> {
        let nonce: [u8; NONCE_BYTES] = random_bytes()?;
        let payload = Payload {
            msg: secret,
            aad: &aad.to_bytes(),
        };
        // It fails only for messages of more than 64 GiB.
        let sealed = self
            .0
            .cipher
            .encrypt(Nonce::from_slice(&nonce), payload)
            .map_err(|_| SealError::UnknownFormat)?;
        let encoded = STANDARD.encode([nonce.as_slice(), &sealed].concat());
        Ok(format!("v{VERSION}:{}:{encoded}", self.fingerprint()))
    }

    /// Opens what [`Sealer::seal`] made for the same row.
    pub fn open(&self, sealed: &str, aad: &Aad<'_>) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (sealed_with, encoded) = split(sealed)?;
        if sealed_with != self.fingerprint() {
            let (sealed_with, loaded) = (sealed_with.to_owned(), self.fingerprint().to_owned());
            return Err(SealError::WrongMasterKey {
                sealed_with,
                loaded,
            });
        }
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| SealError::UnknownFormat)?;
        let (nonce, ciphertext) = bytes
            .split_at_checked(NONCE_BYTES)
            .ok_or(SealError::UnknownFormat)?;
        let payload = Payload {
            msg: ciphertext,
            aad: &aad.to_bytes(),
        };
        let secret = self
            .0
            .cipher
            .decrypt(Nonce::from_slice(nonce), payload)
            .map_err(|_| SealError::Tampered)?;
        Ok(Zeroizing::new(secret))
    }
}

/// The fingerprint and the payload of a sealed value.
fn split(sealed: &str) -> Result<(&str, &str), SealError> {
    let rest = sealed.strip_prefix("v1:").ok_or(SealError::UnknownFormat)?;
    let (fingerprint, encoded) = rest.split_once(':').ok_or(SealError::UnknownFormat)?;
    let is_fingerprint =
        fingerprint.len() == 8 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_fingerprint {
        Ok((fingerprint, encoded))
    } else {
        Err(SealError::UnknownFormat)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SECRET: &[u8] = b"sk-provider-secret";

    fn sealer() -> Sealer {
        Sealer::new(MasterKey::from_bytes([7; 32]))
    }

    #[test]
    fn a_value_opens_only_where_it_belongs() {
        let sealer = sealer();
        let home = sealer.aad("provider_keys", "row-1", "user-1", "openai");
        let sealed = sealer.seal(SECRET, &home).unwrap();
        assert_eq!(sealer.open(&sealed, &home).unwrap().as_slice(), SECRET);

        let moved = [
            Aad { version: 2, ..home },
            Aad {
                table: "other",
                ..home
            },
            Aad {
                row: "row-2",
                ..home
            },
            Aad {
                user: "user-2",
                ..home
            },
            Aad {
                provider: "anthropic",
                ..home
            },
            Aad {
                key_id: "00000000",
                ..home
            },
            // The same text with the borders between the fields moved.
            Aad {
                row: "row-1u",
                user: "ser-1",
                ..home
            },
            Aad {
                user: "user-1o",
                provider: "penai",
                ..home
            },
            Aad {
                table: "provider_keysrow-1",
                row: "",
                ..home
            },
            Aad {
                row: "user-1",
                user: "row-1",
                ..home
            },
        ];
        for (case, aad) in moved.iter().enumerate() {
            assert!(
                matches!(sealer.open(&sealed, aad), Err(SealError::Tampered)),
                "case {case}"
            );
        }
    }

    #[test]
    fn every_pair_of_rows_refuses_the_others_value() {
        let sealer = sealer();
        let mut rows = Vec::new();
        for row in ["r1", "r2"] {
            for user in ["u1", "u2"] {
                for provider in ["openai", "anthropic"] {
                    let aad = sealer.aad("provider_keys", row, user, provider);
                    rows.push((sealer.seal(SECRET, &aad).unwrap(), aad));
                }
            }
        }
        for (i, (sealed, _)) in rows.iter().enumerate() {
            for (j, (_, aad)) in rows.iter().enumerate() {
                assert_eq!(sealer.open(sealed, aad).is_ok(), i == j);
            }
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealer = sealer();
        let aad = sealer.aad("provider_keys", "row", "user", "openai");
        let sealed = sealer.seal(SECRET, &aad).unwrap();
        let prefix = format!("v1:{}:", sealer.fingerprint());
        let bytes = STANDARD
            .decode(sealed.strip_prefix(&prefix).unwrap())
            .unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                let altered = format!("{prefix}{}", STANDARD.encode(altered));
                assert!(sealer.open(&altered, &aad).is_err(), "byte {at}, bit {bit}");
            }
        }
        for cut in 0..sealed.len() {
            assert!(sealer.open(&sealed[..cut], &aad).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn nonces_do_not_repeat() {
        let sealer = sealer();
        let aad = sealer.aad("t", "r", "u", "p");
        let sealed: HashSet<String> = (0..10_000)
            .map(|_| sealer.seal(SECRET, &aad).unwrap())
            .collect();
        assert_eq!(sealed.len(), 10_000);
    }

    #[test]
    fn a_wrong_master_key_is_named() {
        let (right, wrong) = (sealer(), Sealer::new(MasterKey::from_bytes([8; 32])));
        let sealed = right.seal(SECRET, &right.aad("t", "r", "u", "p")).unwrap();
        let message = wrong
            .open(&sealed, &wrong.aad("t", "r", "u", "p"))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(right.fingerprint()) && message.contains(wrong.fingerprint()),
            "{message}"
        );
    }

    #[test]
    fn the_key_file_is_made_once_private_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = MasterKey::load_or_create(&path).unwrap().fingerprint();
        assert_eq!(
            MasterKey::load_or_create(&path).unwrap().fingerprint(),
            made
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no draft is left behind"
        );
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in [
            "",
            "short",
            &STANDARD.encode([1; 31]),
            &STANDARD.encode([1; 33]),
        ] {
            assert!(
                matches!(MasterKey::from_base64(text), Err(MasterKeyError::Malformed)),
                "{text}"
            );
        }
        assert!(MasterKey::from_base64(&format!(" {}\n", STANDARD.encode([1; 32]))).is_ok());
    }
}

//! Whom a connection trusts: TLS 1.2 and 1.3 with ring, the platform's own verdict, and a refusal that says why.
//!
//! Where the trusted roots come from:
//! - Windows, macOS, iOS: the operating system decides, plus the configured extra roots.
//! - Linux and other Unix: the system's certificate files, plus the extra roots. `SSL_CERT_FILE` and `SSL_CERT_DIR` stand in for the
//!   system's files where they are set, as for every program there that uses OpenSSL: whoever may set the environment of the process
//!   chooses whom it trusts.
//! - Android: Mozilla's roots as built in, plus the extra roots.
//!
//! No key log is ever written: `SSLKEYLOGFILE` is not looked at.

use crate::error::{Detail, Result};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{self, CryptoProvider},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};

/// Reads certificates as PEM; each text holds one or more, and each must be usable as a root.
pub(super) fn parse_roots(texts: &[String]) -> Result<Vec<CertificateDer<'static>>> {
    let refuse = || Detail::InvalidArgument.about("network.extra_root_certificates");
    let mut roots = Vec::new();
    for text in texts {
        let known = roots.len();
        for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
            let certificate = certificate.map_err(|_| refuse())?;
            RootCertStore::empty().add(certificate.clone()).map_err(|_| refuse())?;
            roots.push(certificate);
        }
        if roots.len() == known {
            return Err(refuse());
        }
    }
    Ok(roots)
}

/// The TLS side of a client. It takes no process-wide provider and installs none.
pub(super) fn config(roots: &[CertificateDer<'static>]) -> Result<ClientConfig> {
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier = Verifier { provider: Arc::clone(&provider), roots: roots.to_vec(), platform: OnceLock::new() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|_| Detail::Internal.about("tls"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Why a certificate was refused: `login.example: expired`. Travels inside rustls' error to where it is classified.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// The platform's verifier, which also says whom it refused and why. Its roots are read at the first handshake, so that a client
/// that never speaks TLS does not pay for them.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    roots: Vec<CertificateDer<'static>>,
    platform: OnceLock<Option<Arc<dyn ServerCertVerifier>>>,
}

impl Verifier {
    fn platform(&self) -> Option<&Arc<dyn ServerCertVerifier>> {
        self.platform.get_or_init(|| platform_verifier(&self.roots, &self.provider)).as_ref()
    }
}

#[cfg(not(target_os = "android"))]
fn platform_verifier(roots: &[CertificateDer<'static>], provider: &Arc<CryptoProvider>) -> Option<Arc<dyn ServerCertVerifier>> {
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(roots.iter().cloned(), Arc::clone(provider));
    Some(Arc::new(verifier.ok()?))
}

/// The platform's own verifier needs a hook in the app's Java side, which a library cannot ask for.
#[cfg(target_os = "android")]
fn platform_verifier(roots: &[CertificateDer<'static>], provider: &Arc<CryptoProvider>) -> Option<Arc<dyn ServerCertVerifier>> {
    let mut store = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    store.add_parsable_certificates(roots.iter().cloned());
    let builder = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
    Some(builder.build().ok()?)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        let refuse = |reason: &str| {
            let refusal = Refusal(format!("{}: {reason}", server_name.to_str()));
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
        };
        let Some(platform) = self.platform() else { return Err(refuse("no trusted certificates on this system")) };
        let verdict = platform.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        verdict.map_err(|error| match error {
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                // The last certificate that the server sent is the nearest to the root that is missing here.
                let name = issuer_name(intermediates.last().unwrap_or(end_entity));
                refuse(&name.map_or_else(|| "unknown issuer".to_owned(), |name| format!("unknown issuer \"{name}\"")))
            }
            rustls::Error::InvalidCertificate(cause) => refuse(certificate_reason(&cause)),
            _ => refuse("not trusted"),
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn certificate_reason(cause: &CertificateError) -> &'static str {
    match cause {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "not yet valid",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "wrong name",
        CertificateError::Revoked => "revoked",
        CertificateError::BadEncoding => "damaged certificate",
        CertificateError::BadSignature => "bad signature",
        _ => "not trusted",
    }
}

/// The common name of a certificate's issuer, or its organisation, cleaned for display. A small walk over DER (X.690), because the
/// parsers that are linked anyway do not give names away:
/// `Certificate { TBSCertificate { [0] version?, serial, algorithm, issuer, … } … }`, `issuer` being a sequence of sets of
/// `{ type OBJECT IDENTIFIER, value string }` (RFC 5280, 4.1).
fn issuer_name(certificate: &[u8]) -> Option<String> {
    const SEQUENCE: u8 = 0x30;
    const SET: u8 = 0x31;
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];
    let (_, certificate, _) = element(certificate)?;
    let (_, mut fields, _) = element(certificate)?;
    if fields.first() == Some(&0xa0) {
        fields = element(fields)?.2;
    }
    let (_, _, fields) = element(fields)?;
    let (_, _, fields) = element(fields)?;
    let (SEQUENCE, mut names, _) = element(fields)? else { return None };
    let mut organisation = None;
    while let Some((SET, set, rest)) = element(names) {
        let (_, pair, _) = element(set)?;
        let (_, kind, value) = element(pair)?;
        let (_, value, _) = element(value)?;
        match kind {
            COMMON_NAME => return clean(value),
            ORGANISATION => organisation = clean(value),
            _ => {}
        }
        names = rest;
    }
    organisation
}

/// The first element: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, der) = der.split_first()?;
    let (&first, der) = der.split_first()?;
    let (length, der) = if first < 0x80 {
        (usize::from(first), der)
    } else {
        let (digits, der) =
            der.split_at_checked(usize::from(first & 0x7f)).filter(|(digits, _)| (1..=3).contains(&digits.len()))?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), der)
    };
    let (content, rest) = der.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A name from a stranger's certificate: letters, digits and a few marks, at most 80 of them.
fn clean(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let kept = text.chars().filter(|char| char.is_alphanumeric() || " .-_&()".contains(*char)).take(80).collect::<String>();
    Some(kept).filter(|name| !name.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(name: &str) -> Vec<u8> {
        let mut parameters = rcgen::CertificateParams::new(vec!["x.example".to_owned()]).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn an_issuer_is_named_and_cleaned() {
        assert_eq!(issuer_name(&certificate("Corp Proxy CA")).unwrap(), "Corp Proxy CA");
        assert_eq!(issuer_name(&certificate("Größe & Söhne <b>\n\"x\u{202e}")).unwrap(), "Größe & Söhne bx");
        assert_eq!(issuer_name(&certificate(&"a".repeat(500))).unwrap(), "a".repeat(80));
        assert_eq!(issuer_name(&certificate("\u{1}\u{2}")), None);
    }

    #[test]
    fn a_cut_or_damaged_certificate_is_survived() {
        let good = certificate("Corp Proxy CA");
        for length in 0..good.len() {
            issuer_name(&good[..length]);
        }
        let named = (0..good.len()).filter(|at| {
            let mut bad = good.clone();
            bad[*at] ^= 0xff;
            issuer_name(&bad).as_deref() == Some("Corp Proxy CA")
        });
        assert!(named.count() > 0);
        assert_eq!(issuer_name(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(issuer_name(&[0x30, 0x80]), None);
    }

    #[test]
    fn roots_must_be_certificates() {
        let pem = rcgen::generate_simple_self_signed(vec!["x.example".to_owned()]).unwrap().cert.pem();
        assert_eq!(parse_roots(&[format!("{pem}{pem}"), pem.clone()]).unwrap().len(), 3);
        let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for bad in ["", "nonsense", &pem[..pem.len() / 2], nonsense] {
            let error = parse_roots(&[pem.clone(), bad.to_owned()]).unwrap_err();
            assert_eq!((error.cause(), error.what()), (Detail::InvalidArgument, Some("network.extra_root_certificates")), "{bad}");
        }
    }
}

//! The sandbox's own certification authority and its certificate for loopback names.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

/// A certificate for `localhost`, `127.0.0.1` and `::1`, and the authority that signed it.
pub(crate) struct Identity {
    pub(crate) ca_pem: String,
    pub(crate) config: Arc<ServerConfig>,
}

impl Identity {
    pub(crate) fn generate() -> Result<Identity, Box<dyn std::error::Error + Send + Sync>> {
        let (authority, ca_pem) = authority()?;
        let key = KeyPair::generate()?;
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut parameters = CertificateParams::new(names)?;
        parameters.distinguished_name.push(DnType::CommonName, "localhost");
        parameters.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
        parameters.use_authority_key_identifier_extension = true;
        let certificate = parameters.signed_by(&key, &authority)?;
        let private = PrivateKeyDer::try_from(key.serialize_der())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Identity { ca_pem, config: Arc::new(config) })
    }
}

fn authority() -> Result<(Issuer<'static, KeyPair>, String), rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.distinguished_name.push(DnType::CommonName, "Office 365 sandbox authority");
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let pem = parameters.self_signed(&key)?.pem();
    Ok((Issuer::new(parameters, key), pem))
}

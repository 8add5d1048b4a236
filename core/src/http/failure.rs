//! From the failures of reqwest and what lies below it to ours. None of their texts goes further: they carry addresses with queries.

use super::tls::Refusal;
use crate::error::{Detail, Error};
use rustls::{AlertDescription, CertificateError, InvalidMessage};
use std::{
    error::Error as StdError,
    io::{self, ErrorKind},
    iter,
};

/// What `error` means for a request to `host`.
pub(super) fn classify(error: &(dyn StdError + 'static), host: &str) -> Error {
    if let Some(tls) = find::<rustls::Error>(error) {
        return Detail::TlsFailed.about(tls_reason(tls, host));
    }
    let request = find::<reqwest::Error>(error);
    if request.is_some_and(reqwest::Error::is_timeout) {
        return Detail::NetworkTimeout.about(host.to_owned());
    }
    if let Some(reason) = chain(error).find_map(tunnel_reason) {
        return Detail::ProxyFailed.about(reason);
    }
    let io = chain(error).filter_map(|link| link.downcast_ref::<io::Error>()).map(io::Error::kind).last();
    if request.is_some_and(reqwest::Error::is_connect) {
        return match io {
            // The connection stood; what can be cut at this stage is the handshake.
            Some(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                Detail::TlsFailed.about(format!("{host}: closed in the handshake"))
            }
            _ => Detail::NetworkUnavailable.about(host.to_owned()),
        };
    }
    Error::from(exchange_detail(error, io)).with_what(host.to_owned())
}

/// A failure while the request was sent or the answer read.
fn exchange_detail(error: &(dyn StdError + 'static), io: Option<ErrorKind>) -> Detail {
    let hyper = find::<hyper::Error>(error);
    if hyper.is_some_and(|hyper| hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled()) {
        return Detail::NetworkInterrupted;
    }
    match io {
        Some(
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected,
        ) => Detail::NetworkInterrupted,
        Some(ErrorKind::TimedOut) => Detail::NetworkTimeout,
        _ => Detail::NetworkProtocol,
    }
}

fn tls_reason(error: &rustls::Error, host: &str) -> String {
    let reason = match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            return other.0.downcast_ref::<Refusal>().map_or_else(|| format!("{host}: not trusted"), |refusal| refusal.0.clone());
        }
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => "does not speak TLS",
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::HandshakeFailure)
        | rustls::Error::PeerIncompatible(_)
        | rustls::Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => "no common version of TLS or its algorithms",
        rustls::Error::AlertReceived(AlertDescription::UnrecognisedName) => "does not serve this name",
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => "asks for a client certificate",
        rustls::Error::AlertReceived(_) => "refused the connection",
        rustls::Error::DecryptError | rustls::Error::InvalidMessage(_) => "damaged data",
        _ => "broke the protocol",
    };
    format!("{host}: {reason}")
}

/// hyper-util keeps its tunnel error to itself, so its fixed texts are all there is; only 407 has one of its own.
fn tunnel_reason(link: &(dyn StdError + 'static)) -> Option<&'static str> {
    let text = link.to_string();
    Some(match text.strip_prefix("tunnel error: ")? {
        "proxy authorization required" => "407",
        "unsuccessful" => "refused",
        "failed to create underlying connection" => "unreachable",
        "unexpected end of file" | "io error establishing tunnel" => "closed",
        _ => "protocol",
    })
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|link| link.downcast_ref())
}

/// The error and everything below it. An `io::Error` hides the error that it wraps: its `source` is that error's source.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    iter::successors(Some(error), |link: &&'a (dyn StdError + 'static)| {
        let link: &'a (dyn StdError + 'static) = *link;
        match link.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &'a (dyn StdError + 'static)),
            None => link.source(),
        }
    })
    .take(32)
}

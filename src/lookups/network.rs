//! What look-ups over the network share: names become addresses, and certificates are trusted.
//!
//! Both without the libraries and files of the machine: a static binary must find its way on any image. So names
//! are resolved here, from `/etc/hosts` and the name servers of `/etc/resolv.conf`, and not by the C library,
//! whose static edition loads parts of itself from the disk. The certificate authorities are those of Mozilla,
//! built in, and besides them those of the file that `SSL_CERT_FILE` names.

use std::env::VarError;
use std::error::Error;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, fs, io};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use warp::hyper;

use super::Mistake;

/// A file of certificate authorities to trust besides the built-in ones, in PEM; the variable is OpenSSL's.
const CERTIFICATES: &str = "SSL_CERT_FILE";

/// A name server that does not answer must leave time to ask another within the deadline.
const NAME_SERVER_TIMEOUT: Duration = Duration::from_secs(1);

/// A name that is not known may be known soon: when a server is set up again, or was only away.
const UNKNOWN_NAME_KEPT: Duration = Duration::from_secs(5);

/// Resolver and TLS, to be shared by all look-ups.
#[derive(Clone)]
pub struct Network {
    resolver: TokioResolver,
    tls: Arc<ClientConfig>,
}

/// The words for a connection that ended before the answer did.
pub(super) const BROKE_OFF: &str = "the connection broke off";

/// A host name that has no address, as far as can be known now.
#[derive(Debug)]
pub(super) struct Unresolved;

// === impl Network ===

impl Network {
    /// Reads the system's resolver configuration, and the settings through `variable`, which is `std::env::var`
    /// outside of tests.
    ///
    /// # Errors
    ///
    /// A [`Mistake`] when this processor cannot do TLS.
    pub fn new(variable: impl Fn(&str) -> Result<String, VarError>) -> Result<Self, Mistake> {
        Ok(Self { resolver: resolver()?, tls: Arc::new(tls(variable)?) })
    }

    /// The addresses of `host`, which may itself be one; IPv4 first.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Unresolved> {
        let found = self.resolver.lookup_ip(host).await.map_err(|_| Unresolved)?;
        let mut addresses: Vec<IpAddr> = found.iter().collect();
        addresses.sort_by_key(IpAddr::is_ipv6);
        if addresses.is_empty() { Err(Unresolved) } else { Ok(addresses) }
    }

    /// The configuration of a TLS client.
    pub(super) fn tls(&self) -> ClientConfig {
        ClientConfig::clone(&self.tls)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

// === impl Unresolved ===

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its host name cannot be resolved")
    }
}

impl Error for Unresolved {}

// === private ===

fn resolver() -> Result<TokioResolver, Mistake> {
    // Without name servers there are still addresses and /etc/hosts.
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|_| {
        TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
    });
    let options = builder.options_mut();
    options.timeout = options.timeout.min(NAME_SERVER_TIMEOUT);
    options.negative_max_ttl = Some(UNKNOWN_NAME_KEPT);
    // An IPv4 address that /etc/hosts has is enough: a name server that says nothing is not waited for.
    options.ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    let broken = |error: NetError| Mistake::new(format!("host names cannot be resolved here: {error}"));
    builder.build().map_err(broken)
}

fn tls(variable: impl Fn(&str) -> Result<String, VarError>) -> Result<ClientConfig, Mistake> {
    if !graviola::util::is_cpu_supported() {
        return Err(Mistake::new(
            "look-ups with TLS need a processor with AES, AVX2, ADX, BMI2 and PCLMULQDQ (x86-64), or with AES, SHA-2 and PMULL (ARM)",
        ));
    }
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = variable(CERTIFICATES).ok().filter(|path| !path.is_empty()) {
        // Not a mistake: the variable may be that of a whole system whose file this image does not have.
        match certificates(&path) {
            // Files of a whole system hold some that are out of date or odd; those are of no use and no harm.
            Ok(certificates) => _ = roots.add_parsable_certificates(certificates),
            Err(reason) => log::warn!("{CERTIFICATES} ({path}) is ignored: {reason}."),
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()));
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Mistake::new(format!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| "not valid PEM".to_owned())
}

/// Why a connection failed, in words that hold nothing of a URL. Errors wrap each other, and only the innermost
/// ones say why.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut reason = None;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(unresolved) = error.downcast_ref::<Unresolved>() {
            return unresolved.to_string();
        }
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return in_words(tls);
        }
        if let Some(http) = error.downcast_ref::<hyper::Error>() {
            let broke_off = http.is_incomplete_message() || http.is_closed() || http.is_canceled();
            reason = match () {
                () if broke_off => Some(BROKE_OFF.to_owned()),
                () if http.is_parse() => Some("its answer is not HTTP".to_owned()),
                () => reason,
            };
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            reason = Some(match io.kind() {
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                    BROKE_OFF.to_owned()
                }
                kind => kind.to_string(),
            });
            // `source` of an I/O error is that of what it wraps, which is passed over.
            if let Some(inner) = io.get_ref() {
                next = Some(inner);
                continue;
            }
        }
        next = error.source();
    }
    reason.unwrap_or_else(|| "the connection failed".to_owned())
}

fn in_words(error: &rustls::Error) -> String {
    let about = match error {
        rustls::Error::InvalidCertificate(about) => about,
        rustls::Error::AlertReceived(alert) => return format!("TLS was refused ({alert:?})"),
        _ => return "TLS failed".to_owned(),
    };
    let what = match about {
        CertificateError::UnknownIssuer => "has an unknown issuer (SSL_CERT_FILE can add one)",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another name"
        }
        _ => "is not valid",
    };
    format!("its certificate {what}")
}

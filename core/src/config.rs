//! What a host configures: a plain record, parsed once when the library opens (`settings`).

use std::fmt;

/// Which Microsoft cloud the organisation lives in. Registrations and accounts of one cloud do not exist in another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Cloud {
    /// Worldwide and GCC: `login.microsoftonline.com`, `graph.microsoft.com`.
    #[default]
    Global = 0,
    /// US Government L4 (GCC High): `login.microsoftonline.us`, `graph.microsoft.us`.
    UsGovernmentL4 = 1,
    /// US Government L5 (DoD): `login.microsoftonline.us`, `dod-graph.microsoft.us`.
    UsGovernmentDod = 2,
    /// China, operated by 21Vianet: `login.partner.microsoftonline.cn`, `microsoftgraph.chinacloudapi.cn`.
    China = 3,
}

/// One app registration on one store. [`Config::new`] sets the defaults. `Debug` shows the switches and no text.
#[derive(Clone)]
pub struct Config {
    /// Application (client) id of the registration, a GUID.
    pub client_id: String,
    /// File of the encrypted store, for instance `…/intail/office365.db`. Its folder must exist and be ours alone to write.
    pub store_path: String,
    /// Whose accounts may sign in: `organizations` (default, any organisation), a tenant's GUID or one of its domains.
    pub tenant: String,
    /// GUIDs of the tenants whose accounts are accepted. Default: empty, all of them.
    pub allowed_tenants: Vec<String>,
    /// The redirect URI of the registration. Default `http://localhost`: the library listens on a free loopback port. For
    /// `begin_connect` also `https://…` or a scheme of the app's own.
    pub redirect_uri: String,
    /// Ports to try for the loopback listener, in this order. Default: empty, any free port.
    pub loopback_ports: Vec<u32>,
    /// The redirect URI for the administrator's approval. Default (`None`): [`redirect_uri`](Self::redirect_uri). Where that is
    /// loopback and the administrator sits elsewhere, their browser ends on a page that cannot be opened, and the text to forward
    /// says so; a page of the host's own on `https` is friendlier.
    pub admin_redirect_uri: Option<String>,
    /// The permissions to ask for, from `User.Read`, `Mail.ReadBasic`, `Mail.Read`, `Calendars.Read`. Default: the first, second
    /// and fourth. `openid`, `profile`, `email` and `offline_access` are always added. A permission that is added later needs a new
    /// consent: until then connected accounts go on with what they were granted, and name it as missing.
    pub scopes: Vec<String>,
    /// Keep an account whose grant carries more than reading. Default `false`: such a grant is refused.
    pub allow_excess_scopes: bool,
    /// Allow signing in with a code on another device. Default `false`: it is easier to phish, and many organisations block it.
    pub allow_device_code: bool,
    /// How the host presents itself on the page that the browser shows at the end.
    pub app: AppIdentity,
    /// The Microsoft cloud. Default [`Cloud::Global`].
    pub cloud: Cloud,
    /// The identity platform's address instead of the cloud's, for the sandbox: `http://localhost:PORT`.
    pub authority: Option<String>,
    /// The Graph address instead of the cloud's, without the version.
    pub graph_base: Option<String>,
    /// How requests reach the network.
    pub network: NetworkConfig,
}

/// How the host presents itself to the person.
#[derive(Clone)]
pub struct AppIdentity {
    /// Name of the app, as the person knows it. Default `Intail`.
    pub name: String,
    /// A logo as PNG bytes, at most 64 KiB, shown 64 pixels high. Default: none.
    pub logo_png: Option<Vec<u8>>,
    /// Colour of links and of the button, `#rrggbb`; a darker or lighter shade of it where it would not be readable. Default `#1f4e8c`.
    pub accent_color: String,
    /// Where "Back to the app" leads: an `https` address or the app's own scheme. Default: none, the page says to close the tab.
    pub return_url: Option<String>,
}

/// Proxy and certificates, for every request of the library. `Debug` shows neither names nor addresses.
#[derive(Clone, Default)]
pub struct NetworkConfig {
    /// Address of an HTTP proxy, `http://proxy.example:3128`. Default: none.
    pub proxy: Option<String>,
    /// User name for the proxy.
    pub proxy_user: Option<String>,
    /// Password for the proxy. It is kept in memory only.
    pub proxy_password: Option<ProxyPassword>,
    /// Hosts that are reached without the proxy: names (with all below them), addresses, or CIDR blocks.
    pub proxy_bypass: Vec<String>,
    /// Take the proxy from `HTTPS_PROXY` and `NO_PROXY` where [`proxy`](Self::proxy) is not set. Default `false`: the environment is
    /// not looked at.
    pub proxy_from_environment: bool,
    /// Certificates (PEM) that are trusted beside the system's, for networks that re-sign TLS and for the sandbox. (On Linux
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` name the system's own, as everywhere there. `SSLKEYLOGFILE` is not looked at.)
    pub extra_root_certificates: Vec<String>,
}

/// A password that `Debug` does not show.
#[derive(Clone)]
pub struct ProxyPassword(pub(crate) crate::secret::Secret);

impl ProxyPassword {
    /// Takes the password.
    pub fn new(password: &str) -> Self {
        Self(crate::secret::Secret::new(password))
    }
}

impl fmt::Debug for ProxyPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Config {
    /// A configuration with every default, for the registration `client_id` and the store at `store_path`.
    pub fn new(client_id: &str, store_path: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            store_path: store_path.to_owned(),
            tenant: "organizations".to_owned(),
            allowed_tenants: Vec::new(),
            redirect_uri: "http://localhost".to_owned(),
            loopback_ports: Vec::new(),
            admin_redirect_uri: None,
            scopes: ["User.Read", "Mail.ReadBasic", "Calendars.Read"].map(str::to_owned).to_vec(),
            allow_excess_scopes: false,
            allow_device_code: false,
            app: AppIdentity::default(),
            cloud: Cloud::Global,
            authority: None,
            graph_base: None,
            network: NetworkConfig::default(),
        }
    }
}

impl Default for AppIdentity {
    fn default() -> Self {
        Self { name: "Intail".to_owned(), logo_png: None, accent_color: "#1f4e8c".to_owned(), return_url: None }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("cloud", &self.cloud)
            .field("loopback_ports", &self.loopback_ports)
            .field("allow_excess_scopes", &self.allow_excess_scopes)
            .field("allow_device_code", &self.allow_device_code)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AppIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logo = self.logo_png.as_ref().map(Vec::len);
        f.debug_struct("AppIdentity").field("logo_bytes", &logo).finish_non_exhaustive()
    }
}

impl fmt::Debug for NetworkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkConfig")
            .field("proxy", &self.proxy.is_some())
            .field("proxy_from_environment", &self.proxy_from_environment)
            .field("extra_root_certificates", &self.extra_root_certificates.len())
            .finish_non_exhaustive()
    }
}

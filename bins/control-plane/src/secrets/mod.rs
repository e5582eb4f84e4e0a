//! `chart-secrets`: creates missing Kubernetes Secrets with passwords and certificates.

mod arguments;
mod certificates;
mod cluster;
mod error;

use std::collections::BTreeMap;

use clap::Parser;
use k8s_openapi::ByteString;
use notifi_scaler_common::config::{LogArgs, kube_name};
use notifi_scaler_common::stdout_writer::StdoutWriter;
use notifi_scaler_common::{Failure, telemetry};
use tracing_subscriber::filter::LevelFilter;
use uuid::Uuid;

use arguments::{Contents, Label, Login};
use certificates::{Authority, Usage, Validity};
use cluster::{Cluster, Made};
pub use error::SecretsError;

const OPAQUE: &str = "Opaque";
const LOGIN: &str = "kubernetes.io/basic-auth";
const CERTIFICATE: &str = "kubernetes.io/tls";

/// Creates the missing Secrets of the chart.
#[derive(Clone, Debug, Parser)]
#[command(name = "chart-secrets", version)]
pub struct SecretsArgs {
    /// Secret to create with a random password under each key
    #[arg(long, value_name = "SECRET=KEY,..")]
    pub passwords: Vec<Contents>,
    /// Secret to create with a user name, and with the password that another Secret has under a key
    #[arg(long, value_name = "SECRET=USER:SECRET/KEY")]
    pub login: Vec<Login>,
    /// Secret to create with the certificate authority (CA) that signs the certificates
    #[arg(long, value_name = "SECRET", value_parser = kube_name)]
    pub authority: Option<String>,
    /// Secret to create with a server certificate for these DNS names and IP addresses
    #[arg(long, value_name = "SECRET=NAME,..", requires = "authority")]
    pub server_certificate: Vec<Contents>,
    /// Secret to create with a client certificate for this common name
    #[arg(long, value_name = "SECRET=NAME", requires = "authority")]
    pub client_certificate: Vec<Contents>,
    /// Validity period of new certificates, in days
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = clap::value_parser!(u16).range(1..=36_500))]
    pub valid_days: u16,
    /// Label of the Secrets that are created
    #[arg(long, value_name = "NAME=VALUE")]
    pub label: Vec<Label>,
    /// ServiceAccount that owns the Secrets, so that Kubernetes deletes them with it; ignored while it does not exist
    #[arg(long, value_name = "NAME", value_parser = kube_name)]
    pub owner: Option<String>,
    /// Namespace [default: that of the pod or of the kubeconfig]
    #[arg(long, value_parser = kube_name)]
    pub namespace: Option<String>,
    /// Logging.
    #[command(flatten)]
    pub logging: LogArgs,
}

/// Creates each Secret that does not exist and adds keys that are missing. Never changes the value of a key.
///
/// # Errors
/// [`SecretsError`], for example if no cluster is configured, or if it refuses a call.
pub async fn run(args: &SecretsArgs) -> Result<(), Failure> {
    let lines = &StdoutWriter::stdout()?;
    telemetry::init(&args.logging, LevelFilter::INFO);
    let config = kube::Config::infer().await.map_err(|error| SecretsError::NoCluster(error.to_string()))?;
    let cluster = Cluster::open(config, args).await?;
    for Contents { secret, values } in &args.passwords {
        let passwords = values.iter().map(|key| (key.clone(), random_password())).collect();
        report(lines, secret, &cluster.ensure(secret, OPAQUE, passwords).await?);
    }
    for login in &args.login {
        let password = cluster.value(&login.source, &login.key).await?;
        let data = [("username", ByteString(login.user.clone().into_bytes())), ("password", password)];
        report(lines, &login.secret, &cluster.ensure(&login.secret, LOGIN, named(data)).await?);
    }
    if let Some(authority) = &args.authority {
        certificates(args, authority, &cluster, lines).await?;
    }
    lines.finish("all Secrets exist");
    Ok(())
}

/// Creates the missing certificates. One authority signs all of them, since each side verifies the other with it.
async fn certificates(args: &SecretsArgs, authority: &str, cluster: &Cluster, lines: &StdoutWriter) -> Result<(), Failure> {
    let servers = args.server_certificate.iter().map(|contents| (contents, Usage::Server));
    let clients = args.client_certificate.iter().map(|contents| (contents, Usage::Client));
    let (mut present, mut missing) = (Vec::new(), Vec::new());
    for (contents, usage) in servers.chain(clients) {
        match cluster.get(&contents.secret).await? {
            Some(_) => present.push(contents.secret.as_str()),
            None => missing.push((contents, usage)),
        }
    }
    let validity = Validity::days_from_now(args.valid_days);
    if !missing.is_empty() {
        if !present.is_empty() && cluster.get(authority).await?.is_none() {
            return Err(SecretsError::AuthorityLost { authority: authority.to_owned(), present: present.join(", ") }.into());
        }
        let new = Authority::new(validity)?;
        let data = [("tls.crt", new.certificate_pem()), ("tls.key", new.key_pem())];
        // Another process may have been faster: the values in the cluster count.
        report(lines, authority, &cluster.ensure(authority, CERTIFICATE, named(data)).await?);
        let certificate = cluster.value(authority, "tls.crt").await?;
        let signer = Authority::load(authority, &certificate, &cluster.value(authority, "tls.key").await?)?;
        for (Contents { secret, values }, usage) in missing {
            let (issued, key) = signer.issue(values, usage, validity)?;
            let data = named([("ca.crt", certificate.clone()), ("tls.crt", issued), ("tls.key", key)]);
            report(lines, secret, &cluster.ensure(secret, CERTIFICATE, data).await?);
        }
    } else if cluster.get(authority).await?.is_some() {
        present.push(authority);
    }
    for secret in present {
        report(lines, secret, &cluster.ensure(secret, CERTIFICATE, BTreeMap::new()).await?);
    }
    Ok(())
}

/// Returns a password of 244 random bits, in characters that need no quotes anywhere.
fn random_password() -> ByteString {
    ByteString(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()).into_bytes())
}

fn named<const N: usize>(data: [(&str, ByteString); N]) -> BTreeMap<String, ByteString> {
    data.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn report(lines: &StdoutWriter, secret: &str, made: &Made) {
    lines.print(match made {
        Made::Created => format!("{secret}: created"),
        Made::Added(keys) => format!("{secret}: added {}", keys.join(", ")),
        Made::Nothing => format!("{secret}: exists, not changed"),
    });
}

//! Arguments of the operators' API.

use clap::{Args, ValueEnum};

use super::{Listen, Secrets};
use crate::Failure;
use crate::api::{ApiAccess, ReadAccess};

/// Arguments of the operators' API and its page.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Page and API")]
pub struct ApiArgs {
    /// Address for the live page and /api/v1, or `off`; `[::]` is every IPv6 and IPv4 address. The token is API_TOKEN or API_TOKEN_FILE
    #[arg(long, env, default_value = "off")]
    pub api_listen: Listen,
    /// Clients that may read: `token` (those with the token) or `open` (all). Changes always need the token
    #[arg(long, env, value_enum, default_value_t = ApiRead::Token, hide_possible_values = true)]
    pub api_read: ApiRead,
}

/// Clients that may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ApiRead {
    /// Clients with the token.
    Token,
    /// All clients.
    Open,
}

impl ApiArgs {
    /// Returns the access to the API.
    ///
    /// # Errors
    /// [`Failure::Arguments`] if the API is on and reading needs a token, but there is none; [`Failure::Variable`] if the token cannot be
    /// used.
    pub fn access(&self, secrets: &Secrets) -> Result<ApiAccess, Failure> {
        if self.api_listen == Listen::Off {
            return Ok(ApiAccess { read: ReadAccess::Token, token: None, demo: false });
        }
        let token = secrets.of_api()?;
        let read = match self.api_read {
            ApiRead::Token => ReadAccess::Token,
            ApiRead::Open => ReadAccess::Open,
        };
        if token.is_none() && read == ReadAccess::Token {
            return Err(Failure::Arguments(
                "API_TOKEN: is not set, but API_LISTEN is on and API_READ is token: set API_TOKEN or API_TOKEN_FILE, or set \
                 API_READ to open for a page that changes nothing"
                    .to_owned(),
            ));
        }
        Ok(ApiAccess { read, token, demo: false })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        api: ApiArgs,
    }

    fn access(words: &str, token: Option<&'static str>) -> Result<ApiAccess, Failure> {
        let secrets = Secrets::new(move |variable| token.filter(|_| variable == "API_TOKEN").map(Into::into));
        Program::parse_from(words.split_whitespace()).api.access(&secrets)
    }

    #[test]
    fn the_api_is_off_by_default_and_needs_a_token_or_open_reading() {
        assert!(access("program", None).is_ok());
        let failure = access("program --api-listen 127.0.0.1:8081", None).unwrap_err();
        assert!(failure.to_string().starts_with("API_TOKEN: is not set"), "{failure}");
        assert_eq!(failure.code(), 64);
        let open = access("program --api-listen 127.0.0.1:8081 --api-read open", None).unwrap();
        assert!(open.token.is_none() && open.read == ReadAccess::Open && open.rights(true).is_empty());
        let token = access("program --api-listen 127.0.0.1:8081", Some("hunter2")).unwrap();
        assert!(token.token.is_some() && token.read == ReadAccess::Token && !token.rights(true).is_empty());
        assert!(!format!("{token:?}").contains("hunter2"));
    }
}

//! Arguments that describe a Secret.

use std::str::FromStr;

use notifi_scaler_common::config::kube_name;

/// Secret and list of values: `SECRET=VALUE,VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Name of the Secret.
    pub secret: String,
    /// Values: at least one, none empty.
    pub values: Vec<String>,
}

/// Secret with a user name, and with a password that another Secret has: `SECRET=USER:SECRET/KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Name of the Secret.
    pub secret: String,
    /// User name.
    pub user: String,
    /// Name of the Secret that has the password.
    pub source: String,
    /// Key of the password in that Secret.
    pub key: String,
}

/// Label: `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Name of the label.
    pub name: String,
    /// Value of the label.
    pub value: String,
}

impl FromStr for Contents {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (secret, values) = text.split_once('=').ok_or("must be SECRET=VALUE,..")?;
        let values: Vec<_> = values.split(',').map(str::to_owned).collect();
        if values.iter().any(String::is_empty) {
            return Err("must have a value after each `=` and `,`".to_owned());
        }
        Ok(Self { secret: secret_name(secret)?, values })
    }
}

impl FromStr for Login {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || {
            let (secret, login) = text.split_once('=')?;
            // Only the user name may have a colon.
            let (user, password) = login.rsplit_once(':')?;
            let (source, key) = password.split_once('/')?;
            Some((secret, user, source, key))
        };
        let (secret, user, source, key) = parts().ok_or("must be SECRET=USER:SECRET/KEY")?;
        if user.is_empty() || key.is_empty() {
            return Err("must have a user and a key".to_owned());
        }
        Ok(Self { secret: secret_name(secret)?, user: user.to_owned(), source: secret_name(source)?, key: key.to_owned() })
    }
}

impl FromStr for Label {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

fn secret_name(text: &str) -> Result<String, String> {
    kube_name(text).map_err(|error| format!("`{text}` {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_belongs_to_a_secret() {
        let parsed: Contents = "tls=a.b,10.0.0.1".parse().unwrap();
        assert_eq!(parsed, Contents { secret: "tls".into(), values: vec!["a.b".into(), "10.0.0.1".into()] });
        for bad in ["tls", "tls=", "tls=a,", "=a", "Tls=a"] {
            assert!(bad.parse::<Contents>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_user_name_may_have_any_characters() {
        let parsed: Login = "login=a=b:c:source/key".parse().unwrap();
        assert_eq!((parsed.secret.as_str(), parsed.user.as_str()), ("login", "a=b:c"));
        assert_eq!((parsed.source.as_str(), parsed.key.as_str()), ("source", "key"));
        for bad in ["login", "login=user", "login=user:source", "login=:source/key", "login=user:source/"] {
            assert!(bad.parse::<Login>().is_err(), "{bad}");
        }
    }
}

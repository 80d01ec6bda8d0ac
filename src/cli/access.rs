//! Where the admin plane is, and as whom it is spoken to.

use std::path::PathBuf;

use url::Url;

use super::{
    client::Client,
    development::{Development, NoDevelopment},
    failure::Failure,
    process::Process,
    token::Plane,
};

/// Options of every command that speaks to the admin plane.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Access {
    /// The admin plane; the token for it comes from the variable `ONEDOOR_TOKEN`
    #[arg(
        long,
        global = true,
        env = "ONEDOOR_ADMIN_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    url: Option<Url>,
    /// Folder of a running `onedoor dev`: address and token come from it where none are given
    #[arg(long, global = true, default_value = "./data", value_name = "DIR")]
    data: PathBuf,
    /// The development user to act as, instead of `ONEDOOR_TOKEN`
    #[arg(long = "as", global = true, value_name = "USER")]
    acting_as: Option<String>,
}

/// No token, and none can be had: a development user's is good only for the door that `onedoor dev` opened.
#[derive(Debug, thiserror::Error)]
#[error("there is no token for {}", url.origin().ascii_serialization())]
pub(super) struct NotSignedIn {
    url: Url,
}

impl Access {
    /// A client of the admin plane. Where nobody says otherwise, development commands act as the user `usual`.
    pub(super) async fn client(&self, process: &Process<'_>, usual: &'static str) -> Result<Client, Failure> {
        // What is asked for on the command line goes before what the environment holds.
        let given = process.token.as_ref().filter(|_| self.acting_as.is_none());
        match (&self.url, given) {
            (Some(url), Some(token)) => Client::new(url.clone(), token, None),
            (None, Some(token)) => Client::new(Development::read(&self.data)?.admin_url, token, None),
            (None, None) => self.sign_in(&Development::read(&self.data)?, usual).await,
            (Some(url), None) => match Development::read(&self.data) {
                Ok(development) if development.admin_url.origin() == url.origin() => {
                    self.sign_in(&development, usual).await
                }
                Ok(_) | Err(NoDevelopment::Unreadable { .. }) => Err(NotSignedIn { url: url.clone() }.into()),
                Err(error @ (NoDevelopment::Malformed { .. } | NoDevelopment::Elsewhere { .. })) => {
                    Err(error.into())
                }
            },
        }
    }

    async fn sign_in(&self, development: &Development, usual: &'static str) -> Result<Client, Failure> {
        let user = self.acting_as.as_deref().unwrap_or(usual);
        let token = development.token(user, Plane::Admin).await?;
        Client::new(
            development.admin_url.clone(),
            &token,
            (user != usual).then_some(usual),
        )
    }
}

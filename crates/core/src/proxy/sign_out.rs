//! Deletes stored sign-ins to remote servers.

use std::{io, path::Path};

use reqwest::Url;

use crate::{config::RemoteConfig, error::Error, upstream};

/// Deletes the stored sign-in to this server; returns whether there was one.
pub fn sign_out(config: &RemoteConfig) -> Result<bool, Error> {
    let url = Url::parse(&config.url)
        .map_err(|_| Error::Remote("the URL is not that of an HTTP server".to_owned()))?;
    Ok(config.oauth.as_ref().is_some_and(|oauth| upstream::sign_out(oauth, &url)))
}

/// Deletes every stored sign-in in this directory; returns how many there were.
pub fn sign_out_everywhere(directory: &Path) -> io::Result<usize> {
    upstream::sign_out_everywhere(directory)
}

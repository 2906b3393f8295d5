//! The Secret Service of Linux desktops (GNOME Keyring, KWallet, KeePassXC), over D-Bus.
//!
//! Secrets cross the bus unencrypted ("plain", Secret Service API 0.2, "Transfer of Secrets"); the
//! bus belongs to their owner only.

use std::{collections::HashMap, time::Duration};

use futures_util::StreamExt as _;
use serde::Serialize;
use tokio::time::timeout;
use zbus::{
    Connection, DynamicType, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant,
    Variant, message,
};

use super::patience::PATIENCE;

const DESTINATION: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
/// The path that stands for "no object".
const NOTHING: &str = "/";
/// Time limit for calls without a prompt. The bus may exist while its keyring does not start.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A secret on the bus: session, encryption parameters, the secret, its type.
type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

pub(super) async fn find(name: &str) -> Result<Option<Vec<u8>>, String> {
    let keyring = Conversation::open().await?;
    let body = (attributes(name),);
    let found = keyring.call(ROOT, "Service", "SearchItems", &body).await?;
    let (open, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = read(&found)?;
    let item = match (open.first(), locked.first()) {
        (Some(item), _) => item,
        (None, Some(item)) => {
            keyring.unlock(item).await?;
            item
        }
        (None, None) => return Ok(None),
    };
    let told = keyring.call(item.as_str(), "Item", "GetSecret", &(&keyring.session,)).await?;
    let ((_, _, secret, _),): (Secret,) = read(&told)?;
    Ok(Some(secret))
}

pub(super) async fn keep(name: &str, secret: &[u8]) -> Result<(), String> {
    let keyring = Conversation::open().await?;
    let told = keyring.call(ROOT, "Service", "ReadAlias", &("default",)).await?;
    let (collection,): (OwnedObjectPath,) = read(&told)?;
    if collection.as_str() == NOTHING {
        return Err("there is no default keyring".to_owned());
    }
    keyring.unlock(&collection).await?;
    let properties = HashMap::from([
        ("org.freedesktop.Secret.Item.Label", Variant::from(format!("mcp-proxy: {name}"))),
        ("org.freedesktop.Secret.Item.Attributes", Variant::from(attributes(name))),
    ]);
    let secret = (&keyring.session, &b""[..], secret, "application/octet-stream");
    let body = (properties, secret, true);
    let told = keyring.call(collection.as_str(), "Collection", "CreateItem", &body).await?;
    let (_, prompt): (OwnedObjectPath, OwnedObjectPath) = read(&told)?;
    keyring.confirm(&prompt).await
}

/// The attributes by which an item is found.
fn attributes(name: &str) -> HashMap<&str, &str> {
    HashMap::from([("application", "mcp-proxy"), ("key-of", name)])
}

/// A session with the keyring.
struct Conversation {
    bus: Connection,
    session: OwnedObjectPath,
}

impl Conversation {
    async fn open() -> Result<Self, String> {
        let bus = in_time(Connection::session()).await?;
        let body = ("plain", Variant::from(""));
        let told = call(&bus, ROOT, "Service", "OpenSession", &body).await?;
        let (_, session): (OwnedVariant, OwnedObjectPath) = read(&told)?;
        Ok(Self { bus, session })
    }

    async fn call<B: Serialize + DynamicType>(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> Result<Message, String> {
        call(&self.bus, path, interface, method, body).await
    }

    /// Unlocks a keyring or one of its items; the user may have to confirm that.
    async fn unlock(&self, object: &OwnedObjectPath) -> Result<(), String> {
        let told = self.call(ROOT, "Service", "Unlock", &(vec![object],)).await?;
        let (_, prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) = read(&told)?;
        self.confirm(&prompt).await
    }

    /// Shows a prompt, if one is needed.
    async fn confirm(&self, prompt: &OwnedObjectPath) -> Result<(), String> {
        if prompt.as_str() == NOTHING {
            return Ok(());
        }
        let rule = completed(prompt).map_err(|error| error.to_string())?;
        let answers = MessageStream::for_match_rule(rule, &self.bus, None);
        let mut answers = in_time(answers).await?;
        self.call(prompt.as_str(), "Prompt", "Prompt", &("",)).await?;
        let Ok(answer) = timeout(PATIENCE, answers.next()).await else {
            drop(self.call(prompt.as_str(), "Prompt", "Dismiss", &()).await);
            return Err("it is locked, and nobody unlocked it".to_owned());
        };
        let answer = answer.ok_or("the bus has gone")?.map_err(|error| error.to_string())?;
        let (dismissed, _): (bool, OwnedVariant) = read(&answer)?;
        if dismissed { Err("it is locked, and was not unlocked".to_owned()) } else { Ok(()) }
    }
}

fn completed(prompt: &OwnedObjectPath) -> zbus::Result<MatchRule<'_>> {
    let rule = MatchRule::builder().msg_type(message::Type::Signal).path(prompt.as_ref());
    rule.interface("org.freedesktop.Secret.Prompt").member("Completed").build()
}

async fn call<B: Serialize + DynamicType>(
    bus: &Connection,
    path: &str,
    interface: &str,
    method: &str,
    body: &B,
) -> Result<Message, String> {
    let interface = format!("org.freedesktop.Secret.{interface}");
    in_time(bus.call_method(Some(DESTINATION), path, Some(interface.as_str()), method, body)).await
}

async fn in_time<T>(answer: impl Future<Output = zbus::Result<T>>) -> Result<T, String> {
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("it does not answer".to_owned()),
    }
}

fn read<T: for<'a> zbus::wire::DynamicDeserialize<'a>>(message: &Message) -> Result<T, String> {
    let unclear = |error| format!("its answer is not understood: {error}");
    message.body().deserialize().map_err(unclear)
}

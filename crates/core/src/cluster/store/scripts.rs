//! What the store does in one step. The rules are those of [`directory`](super::super::directory).

use redis::{AsyncCommands as _, Script, aio::ConnectionManager};
use uuid::Uuid;

use super::{
    super::{
        directory::{Epoch, Held, Lease},
        replica::{REPLICA_ID, ReplicaId},
    },
    Entry, Keys, LEASE, Leased, Logged, StoreError,
};

/// An owner writes. Keys: the session, its log. Arguments: owner, epoch, how long it is kept (ms),
/// its founding or nothing (then a store that has forgotten it writes nothing and returns 2), most
/// events; then what each event is, and its bytes.
const HOLD: &str = r"
local has = redis.call('HMGET', KEYS[1], 'o', 'e')
if has[2] then
  local is, mine = tonumber(has[2]), tonumber(ARGV[2])
  if is > mine or (is == mine and has[1] ~= ARGV[1]) then return {0, has[1], has[2]} end
end
if ARGV[4] == '' and redis.call('HEXISTS', KEYS[1], 'v') == 0 then return {2} end
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'e', ARGV[2])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'v', ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
for at = 6, #ARGV, 2 do
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'k', ARGV[at], 'b', ARGV[at + 1])
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {1}
";

/// Somebody takes a session. Arguments: the owner and the epoch that were seen, who takes it.
const TAKE: &str = r"
local has = redis.call('HMGET', KEYS[1], 'o', 'e', 'v')
if has[1] ~= ARGV[1] or has[2] ~= ARGV[2] then return {0} end
local time = redis.call('TIME')
local epoch = time[1] * 1000 + math.floor(time[2] / 1000)
if epoch <= tonumber(has[2]) then epoch = tonumber(has[2]) + 1 end
epoch = string.format('%.0f', epoch)
redis.call('HSET', KEYS[1], 'o', ARGV[3], 'e', epoch)
return {1, epoch, has[3] or ''}
";

/// A session has ended. Arguments: owner, epoch.
const END: &str = r"
local has = redis.call('HMGET', KEYS[1], 'o', 'e')
if has[1] == ARGV[1] and has[2] == ARGV[2] then redis.call('DEL', KEYS[1], KEYS[2]) end
return 1
";

/// See the module.
pub(super) struct Scripts {
    hold: Script,
    take: Script,
    end: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self { hold: Script::new(HOLD), take: Script::new(TAKE), end: Script::new(END) }
    }
}

/// How long the store keeps something, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) kept_millis: u64,
    pub(super) events: usize,
}

impl Scripts {
    /// Writes what an owner has to say of one session, in its order. `None` if the store has forgotten
    /// the session and nothing says what it is.
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the script")]
    pub(super) async fn hold(
        &self,
        connection: &ConnectionManager,
        keys: &Keys,
        own: ReplicaId,
        entries: &[Entry],
        bounds: Bounds,
    ) -> Result<Option<Held>, StoreError> {
        let Some(last) = entries.last() else { return Ok(Some(Held::Kept)) };
        let (id, epoch) = (last.id, last.epoch);
        let mut connection = connection.clone();
        if last.ended {
            let mut ending = self.end.key(keys.session(id));
            ending.key(keys.log(id)).arg(own.to_string()).arg(epoch);
            let () = ending.invoke_async(&mut connection).await?;
            return Ok(Some(Held::Kept));
        }
        let founding = entries.iter().rev().find_map(|entry| entry.founding.as_deref());
        let mut holding = self.hold.key(keys.session(id));
        holding.key(keys.log(id)).arg(own.to_string()).arg(epoch).arg(bounds.kept_millis);
        holding.arg(founding.unwrap_or_default()).arg(bounds.events);
        for logged in entries.iter().filter_map(|entry| entry.logged.as_ref()) {
            let (kind, bytes) = logged.written();
            holding.arg(kind).arg(bytes);
        }
        let said: (u8, Option<String>, Option<String>) =
            padded(holding.invoke_async(&mut connection).await?)?;
        Ok(match said {
            (1, ..) => Some(Held::Kept),
            (2, ..) => None,
            (_, owner, epoch) => Some(Held::Fenced(lease(owner, epoch).unwrap_or(Lease {
                owner: ReplicaId([0; REPLICA_ID]),
                epoch: last.epoch.saturating_add(1),
            }))),
        })
    }

    #[expect(clippy::too_many_arguments, reason = "each is an argument of the script")]
    pub(super) async fn take(
        &self,
        connection: &ConnectionManager,
        keys: &Keys,
        id: Uuid,
        seen: Lease,
        by: ReplicaId,
    ) -> Result<Option<(Lease, Vec<u8>)>, StoreError> {
        let mut taking = self.take.key(keys.session(id));
        taking.arg(seen.owner.to_string()).arg(seen.epoch).arg(by.to_string());
        let said: Vec<redis::Value> = taking.invoke_async(&mut connection.clone()).await?;
        let [_, epoch, founding] = said.as_slice() else { return Ok(None) };
        let epoch: Epoch = redis::from_redis_value_ref(epoch)?;
        let founding: Vec<u8> = redis::from_redis_value_ref(founding)?;
        Ok(Some((Lease { owner: by, epoch }, founding)))
    }

    pub(super) async fn record(
        &self,
        connection: &ConnectionManager,
        keys: &Keys,
        id: Uuid,
    ) -> Result<Option<Leased>, StoreError> {
        let mut connection = connection.clone();
        let (owner, epoch): (Option<String>, Option<String>) = redis::cmd("HMGET")
            .arg(keys.session(id))
            .arg("o")
            .arg("e")
            .query_async(&mut connection)
            .await?;
        let Some(lease) = lease(owner, epoch) else { return Ok(None) };
        let address = connection.get(keys.replica(lease.owner)).await?;
        Ok(Some(Leased { lease, address }))
    }

    pub(super) async fn address(
        &self,
        connection: &ConnectionManager,
        keys: &Keys,
        id: ReplicaId,
    ) -> Result<Option<String>, StoreError> {
        connection.clone().get(keys.replica(id)).await
    }

    /// Everything that is kept of what was said in a session.
    pub(super) async fn log(
        &self,
        connection: &ConnectionManager,
        keys: &Keys,
        id: Uuid,
    ) -> Result<Vec<Logged>, StoreError> {
        type Fields = Vec<(String, Vec<u8>)>;
        let mut connection = connection.clone();
        let said: Vec<(String, Fields)> = redis::cmd("XRANGE")
            .arg(keys.log(id))
            .arg("-")
            .arg("+")
            .query_async(&mut connection)
            .await?;
        let read = |(_, fields): (String, Fields)| {
            let mut fields = fields.into_iter();
            let (_, kind) = fields.next()?;
            let (_, bytes) = fields.next()?;
            Logged::read(&String::from_utf8(kind).ok()?, bytes)
        };
        Ok(said.into_iter().filter_map(read).collect())
    }

    /// A sign of life; whether the store had the one before.
    pub(super) async fn beat(
        &self,
        connection: &ConnectionManager,
        keys: &Keys,
        own: ReplicaId,
        address: &str,
    ) -> Result<bool, StoreError> {
        let mut beating = redis::cmd("SET");
        beating.arg(keys.replica(own)).arg(address).arg("PX").arg(millis(LEASE)).arg("GET");
        let before: Option<String> = beating.query_async(&mut connection.clone()).await?;
        Ok(before.is_some())
    }

    pub(super) async fn leave(
        &self,
        connection: &ConnectionManager,
        keys: &Keys,
        own: ReplicaId,
    ) -> Result<(), StoreError> {
        connection.clone().del(keys.replica(own)).await
    }
}

/// An answer that may be shorter than it could be.
fn padded<T: redis::FromRedisValue>(mut said: Vec<redis::Value>) -> Result<T, StoreError> {
    said.resize(3, redis::Value::Nil);
    Ok(redis::from_redis_value(redis::Value::Array(said))?)
}

fn lease(owner: Option<String>, epoch: Option<String>) -> Option<Lease> {
    let owner = u64::from_str_radix(&owner?, 16).ok()?;
    Some(Lease { owner: ReplicaId(owner.to_be_bytes()), epoch: epoch?.parse().ok()? })
}

fn millis(time: std::time::Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

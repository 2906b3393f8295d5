//! The steps of the store, each done atomically by a script. The rules are those of
//! [`directory`](super::super::directory).

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use redis::{AsyncCommands as _, Cmd, ErrorKind, Script, ServerErrorKind};
use uuid::Uuid;

use super::{
    super::{
        directory::{Epoch, Held, Lease},
        replica::{REPLICA_ID, ReplicaId},
    },
    connection::Connection,
    keys::{Keys, LEASE, Leased, StoreError},
    log::{Entry, Logged},
};

/// An owner writes. Keys: the session, its log, its calls under way. Arguments: owner, epoch, how
/// long it is kept (ms), its founding or an empty text (then a store that has forgotten it writes
/// nothing and returns 2), most events, most bytes of events; then the kind and the bytes of each
/// entry.
///
/// The log is a list; `kind@seconds` and the bytes alternate in it. A stream would take 4 KiB even
/// while it is empty. Lua hashes each byte of a text that it gets or makes, so that takes longer than
/// what Redis does with it: the bytes of events are not looked at, and short ones come together.
/// The session's field `b` counts events and their bytes, if there are any. Its founding is in the
/// fields `1`, `2` and so on: Redis keeps a session in a third less memory while no field is longer
/// than 64 bytes. One that would need many fields is in one. Beyond the limits the
/// oldest are dropped, but never the newest one. Expired events are looked for when the founding is
/// written, which happens from time to time.
const HOLD: &str = r"
local has = redis.call('HMGET', KEYS[1], 'o', 'e', 'b')
if has[2] then
  local is, mine = tonumber(has[2]), tonumber(ARGV[2])
  if is > mine or (is == mine and has[1] ~= ARGV[1]) then return {0, has[1], has[2]} end
end
if ARGV[4] == '' and redis.call('HEXISTS', KEYS[1], 1) == 0 then return {2} end
redis.call('HSET', KEYS[1], 'o', ARGV[1], 'e', ARGV[2])
if ARGV[4] ~= '' then
  local most, field = 64, 0
  if #ARGV[4] > 1024 then most = #ARGV[4] end
  for from = 1, #ARGV[4], most do
    field = field + 1
    redis.call('HSET', KEYS[1], field, string.sub(ARGV[4], from, from + most - 1))
  end
  repeat field = field + 1 until redis.call('HDEL', KEYS[1], field) == 0
end
local events, bytes = string.match(has[3] or '', '^(%d+) (%d+)$')
events, bytes = tonumber(events) or 0, tonumber(bytes) or 0
local changed, now = ARGV[4] ~= '', redis.call('TIME')[1]
local pushed = {}
local function push()
  if #pushed > 0 then redis.call('RPUSH', KEYS[2], unpack(pushed)) end
  pushed = {}
end
local function count(kind)
  local _, commas = string.gsub(kind, ',', ',')
  return commas + 1
end
local function size(head)
  local _, _, kind, length, since = string.find(head, '^([^*]*%*(%d+).*)@(%d+)$')
  return count(kind or ''), tonumber(length) or 0, tonumber(since) or 0
end
for at = 7, #ARGV, 2 do
  local kind, rest = string.sub(ARGV[at], 1, 1), string.sub(ARGV[at], 2)
  if kind == 'c' then
    redis.call('HSET', KEYS[3], rest, ARGV[at + 1])
  elseif kind == 'd' then
    redis.call('HDEL', KEYS[3], rest)
  elseif kind == 'f' then
    push()
    local place = 0
    for _ = 1, 16 do
      local head = redis.call('LINDEX', KEYS[2], place)
      if not head then break end
      if string.sub(head, 1, #rest + 1) == rest .. '_' then
        local several, length = size(head)
        changed, events, bytes = true, events - several, bytes - length
        redis.call('LSET', KEYS[2], place, '')
        redis.call('LSET', KEYS[2], place + 1, '')
        redis.call('LREM', KEYS[2], 2, '')
      else
        place = place + 2
      end
    end
  else
    pushed[#pushed + 1] = ARGV[at] .. '@' .. now
    pushed[#pushed + 1] = ARGV[at + 1]
    changed, events, bytes = true, events + count(ARGV[at]), bytes + #ARGV[at + 1]
    if #pushed == 256 then push() end
  end
end
push()
if changed then
  local newest, gone, oldest = redis.call('LLEN', KEYS[2]) - 2, 0, 0
  if ARGV[4] ~= '' then oldest = tonumber(now) - tonumber(ARGV[3]) / 1000 end
  while gone < newest do
    local several, length, since = size(redis.call('LINDEX', KEYS[2], gone))
    local over = events - several >= tonumber(ARGV[5]) or bytes > tonumber(ARGV[6])
    if not (over or since < oldest) then break end
    gone, events, bytes = gone + 2, events - several, bytes - length
  end
  if gone > 0 then redis.call('LTRIM', KEYS[2], gone, -1) end
  if events > 0 then
    redis.call('HSET', KEYS[1], 'b', events .. ' ' .. bytes)
  elseif has[3] then
    redis.call('HDEL', KEYS[1], 'b')
  end
end
for at = 1, 3 do redis.call('PEXPIRE', KEYS[at], ARGV[3]) end
return {1}
";

/// A replica takes a session. Arguments: the owner and the epoch that were seen, who takes it.
const TAKE: &str = r"
local has = redis.call('HMGET', KEYS[1], 'o', 'e')
if has[1] ~= ARGV[1] or has[2] ~= ARGV[2] then return {0} end
local time = redis.call('TIME')
local epoch = time[1] * 1000 + math.floor(time[2] / 1000)
if epoch <= tonumber(has[2]) then epoch = tonumber(has[2]) + 1 end
epoch = string.format('%.0f', epoch)
redis.call('HSET', KEYS[1], 'o', ARGV[3], 'e', epoch)
return {1, epoch}
";

/// A session has ended. Arguments: owner, epoch.
const END: &str = r"
local has = redis.call('HMGET', KEYS[1], 'o', 'e')
if has[1] == ARGV[1] and has[2] == ARGV[2] then redis.call('DEL', KEYS[1], KEYS[2], KEYS[3]) end
return 1
";

/// A caller has used some of its rate (in microseconds); returns how far ahead of the rate it is
/// now.
const SPEND: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local paid = tonumber(redis.call('GET', KEYS[1]) or '0')
if paid < now then paid = now end
paid = paid + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', paid), 'PX', math.floor((paid - now) / 1000) + 1)
return paid - now
";

/// The store does not know the script (yet).
const NO_SCRIPT: ErrorKind = ErrorKind::Server(ServerErrorKind::NoScript);

/// See the module.
pub(super) struct Scripts {
    hold: Script,
    take: Script,
    end: Script,
    spend: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            hold: Script::new(HOLD),
            take: Script::new(TAKE),
            end: Script::new(END),
            spend: Script::new(SPEND),
        }
    }
}

/// Most events that come together.
const MOST_TOGETHER: usize = 64;
/// A full log consists of at least this many pieces.
const PARTS: usize = 16;

/// How long the store keeps something, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) kept_millis: u64,
    pub(super) events: usize,
    pub(super) bytes: usize,
}

impl Scripts {
    /// Writes an owner's entries about one session, in their order. `None` if the store has
    /// forgotten the session and the entries do not contain its founding.
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the script")]
    pub(super) async fn hold(
        &self,
        connection: &Connection,
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
            ending.key(keys.log(id)).key(keys.calls(id)).arg(own.to_string()).arg(epoch);
            let () = ending.invoke_async(&mut connection).await?;
            return Ok(Some(Held::Kept));
        }
        let command = self.holding(keys, own, entries, bounds);
        let said = match command.query_async(&mut connection).await {
            Err(error) if error.kind() == NO_SCRIPT => {
                self.hold.load_async(&mut connection).await?;
                command.query_async(&mut connection).await
            }
            said => said,
        };
        let said: (u8, Option<String>, Option<String>) = padded(said?)?;
        Ok(match said {
            (1, ..) => Some(Held::Kept),
            (2, ..) => None,
            (_, owner, epoch) => Some(Held::Fenced(lease(owner, epoch).unwrap_or(Lease {
                owner: ReplicaId([0; REPLICA_ID]),
                epoch: last.epoch.saturating_add(1),
            }))),
        })
    }

    /// The command that writes these entries; each byte of theirs is copied once.
    fn holding(&self, keys: &Keys, own: ReplicaId, entries: &[Entry], bounds: Bounds) -> Cmd {
        let id = entries.last().map(|entry| entry.id).unwrap_or_default();
        let epoch = entries.last().map_or(0, |entry| entry.epoch);
        let founding = entries.iter().rev().find_map(|entry| entry.founding.as_deref());
        let length: usize = entries.iter().map(Entry::len).sum();
        let mut command = Cmd::with_capacity(12 + 2 * entries.len(), 512 + length);
        command.arg("EVALSHA").arg(self.hold.get_hash()).arg(3);
        command.arg(keys.session(id)).arg(keys.log(id)).arg(keys.calls(id));
        command.arg(own.to_string()).arg(epoch).arg(bounds.kept_millis);
        command.arg(founding.unwrap_or_default()).arg(bounds.events).arg(bounds.bytes);
        let together = (bounds.events / PARTS).clamp(1, MOST_TOGETHER);
        for run in entries.chunk_by(Entry::continues).flat_map(|run| run.chunks(together)) {
            Entry::write(run, &mut command);
        }
        command
    }

    #[expect(clippy::too_many_arguments, reason = "each is an argument of the script")]
    pub(super) async fn take(
        &self,
        connection: &Connection,
        keys: &Keys,
        id: Uuid,
        seen: Lease,
        by: ReplicaId,
    ) -> Result<Option<Lease>, StoreError> {
        let mut taking = self.take.key(keys.session(id));
        taking.arg(seen.owner.to_string()).arg(seen.epoch).arg(by.to_string());
        let said: Vec<Epoch> = taking.invoke_async(&mut connection.clone()).await?;
        let [_, epoch] = said.as_slice() else { return Ok(None) };
        Ok(Some(Lease { owner: by, epoch: *epoch }))
    }

    pub(super) async fn record(
        &self,
        connection: &Connection,
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

    /// The sealed founding of a session; empty if there is none.
    pub(super) async fn founding(
        &self,
        connection: &Connection,
        keys: &Keys,
        id: Uuid,
    ) -> Result<Vec<u8>, StoreError> {
        let fields: HashMap<String, Vec<u8>> = connection.clone().hgetall(keys.session(id)).await?;
        let parts = (1_usize..).map_while(|field| fields.get(&field.to_string()));
        Ok(parts.flatten().copied().collect())
    }

    pub(super) async fn address(
        &self,
        connection: &Connection,
        keys: &Keys,
        id: ReplicaId,
    ) -> Result<Option<String>, StoreError> {
        connection.clone().get(keys.replica(id)).await
    }

    /// The stored events of a session, in their order, then its calls under way.
    pub(super) async fn log(
        &self,
        connection: &Connection,
        keys: &Keys,
        id: Uuid,
    ) -> Result<Vec<Logged>, StoreError> {
        type Kept = (Vec<Bytes>, Vec<(u64, Vec<u8>)>);
        let mut connection = connection.clone();
        let mut asking = redis::pipe();
        asking.cmd("LRANGE").arg(keys.log(id)).arg(0).arg(-1);
        asking.cmd("HGETALL").arg(keys.calls(id));
        let (said, calls): Kept = asking.query_async(&mut connection).await?;
        let calls = calls.into_iter().map(|(stream, ids)| Logged::calls(stream, ids));
        let events = said.chunks_exact(2).flat_map(|pair| match pair {
            [head, bytes] => Logged::read(head, bytes),
            _ => Vec::new(),
        });
        Ok(events.chain(calls).collect())
    }

    /// A sign of life; whether the store had the one before.
    pub(super) async fn beat(
        &self,
        connection: &Connection,
        keys: &Keys,
        own: ReplicaId,
        address: &str,
    ) -> Result<bool, StoreError> {
        let mut beating = redis::cmd("SET");
        beating.arg(keys.replica(own)).arg(address).arg("PX").arg(millis(LEASE)).arg("GET");
        let before: Option<String> = beating.query_async(&mut connection.clone()).await?;
        Ok(before.is_some())
    }

    /// Adds the use of a rate; returns how far ahead of it the caller is over all replicas.
    pub(super) async fn spend(
        &self,
        connection: &Connection,
        keys: &Keys,
        rate: u64,
        spent: Duration,
    ) -> Result<Duration, StoreError> {
        let mut spending = self.spend.key(keys.rate(rate));
        spending.arg(u64::try_from(spent.as_micros()).unwrap_or(u64::MAX));
        let ahead: u64 = spending.invoke_async(&mut connection.clone()).await?;
        Ok(Duration::from_micros(ahead))
    }

    pub(super) async fn leave(
        &self,
        connection: &Connection,
        keys: &Keys,
        own: ReplicaId,
    ) -> Result<(), StoreError> {
        connection.clone().del(keys.replica(own)).await
    }
}

/// Reads an answer whose last elements may be missing.
fn padded<T: redis::FromRedisValue>(mut said: Vec<redis::Value>) -> Result<T, StoreError> {
    said.resize(3, redis::Value::Nil);
    Ok(redis::from_redis_value(redis::Value::Array(said))?)
}

fn lease(owner: Option<String>, epoch: Option<String>) -> Option<Lease> {
    let owner = u64::from_str_radix(&owner?, 16).ok()?;
    Some(Lease { owner: ReplicaId(owner.to_be_bytes()), epoch: epoch?.parse().ok()? })
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

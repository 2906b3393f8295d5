//! How two replicas prove to each other that they know the secret, without sending it.
//!
//! ```text
//! dialler  → answerer   magic version id nonce port length address
//! answerer → dialler    magic version id nonce proof
//! dialler  → answerer   proof
//! ```
//!
//! A proof is an HMAC over everything that both sides have sent, over the side that makes it, and
//! over a value that only this TLS connection can export, so it is valid for this connection only.
//! All numbers are big-endian. Nothing here reads a socket.

use ring::hmac;
use subtle::ConstantTimeEq as _;

use super::{
    replica::{REPLICA_ID, ReplicaId},
    secrets::Secrets,
};

const MAGIC: [u8; 4] = *b"MCPR";
/// The version that is spoken. Once there is a newer one, the previous one is still understood.
pub(crate) const VERSION: u8 = 1;
const OLDEST: u8 = 1;

/// Bytes of a nonce, and of what TLS exports.
pub(crate) const NONCE: usize = 32;
/// Bytes of a proof.
pub(crate) const PROOF: usize = 32;
/// Bytes of the dialler's greeting without its address; the last one is the address's length.
pub(crate) const GREETING: usize = MAGIC.len() + 1 + REPLICA_ID + NONCE + 3;
/// Bytes of the answer.
pub(crate) const ANSWER: usize = MAGIC.len() + 1 + REPLICA_ID + NONCE + PROOF;

/// What ties a proof to its connection: exported by TLS, or nothing over loopback.
pub(crate) type Binding = Option<[u8; NONCE]>;

/// Why the other side is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unproved {
    #[error("it is not a replica of this proxy")]
    Foreign,
    #[error("it speaks version {0} of the protocol between replicas")]
    Version(u8),
    #[error("it does not know the peer secret")]
    Secret,
    /// This replica has dialled itself.
    #[error("it is this replica itself")]
    Own,
}

/// What a side says about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side {
    pub(crate) id: ReplicaId,
    pub(crate) nonce: [u8; NONCE],
}

/// Where a replica can be dialled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reachable {
    /// Its port, at the address from which it connects; 0 if it cannot be dialled.
    pub(crate) port: u16,
    /// The `host:port` that it is configured to announce.
    pub(crate) address: Option<String>,
}

/// Makes proofs and checks them.
#[derive(Clone)]
pub(crate) struct Prover(Vec<hmac::Key>);

impl std::fmt::Debug for Prover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prover(redacted)")
    }
}

#[derive(Clone, Copy)]
enum Role {
    Answerer = 1,
    Dialler = 2,
}

impl Prover {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        let keys = secrets.derive(b"mcp-proxy peers 1").into_iter();
        Self(keys.map(|key| hmac::Key::new(hmac::HMAC_SHA256, &key)).collect())
    }

    /// The dialler's greeting, with the address where it can be dialled. An address of more than
    /// 255 bytes is left out.
    pub(crate) fn greet(side: Side, own: &Reachable) -> Vec<u8> {
        let address = own.address.as_deref().filter(|address| address.len() <= 255);
        let address = address.unwrap_or_default().as_bytes();
        let mut words = vec![0; GREETING - 3];
        introduce(&mut words, side);
        words.extend_from_slice(&own.port.to_be_bytes());
        words.push(address.len().try_into().unwrap_or_default());
        words.extend_from_slice(address);
        words
    }

    /// The number of address bytes that follow the beginning of a greeting, if it is a replica's
    /// greeting.
    pub(crate) fn rest(greeting: &[u8; GREETING]) -> Result<usize, Unproved> {
        introduced(greeting)?;
        let [.., length] = *greeting;
        Ok(length.into())
    }

    /// The answer to a greeting, with the dialler's identity and address.
    pub(crate) fn answer(
        &self,
        side: Side,
        greeting: &[u8],
        binding: Binding,
    ) -> Result<([u8; ANSWER], ReplicaId, Reachable), Unproved> {
        let greeter = introduced(greeting)?;
        let mut words = [0; ANSWER];
        let (start, proof) = words.split_at_mut(ANSWER - PROOF);
        introduce(start, side);
        proof.copy_from_slice(&self.prove(Role::Answerer, greeting, start, binding));
        let (_, own) = greeting.split_at_checked(GREETING - 3).ok_or(Unproved::Foreign)?;
        let [high, low, _, address @ ..] = own else { return Err(Unproved::Foreign) };
        let address = String::from_utf8(address.to_vec()).map_err(|_| Unproved::Foreign)?;
        let address = Some(address).filter(|address| !address.is_empty());
        let port = u16::from_be_bytes([*high, *low]);
        Ok((words, greeter, Reachable { port, address }))
    }

    /// The dialler's proof and who has answered, if the proof in the answer is right.
    pub(crate) fn confirm(
        &self,
        greeting: &[u8],
        answer: &[u8; ANSWER],
        binding: Binding,
    ) -> Result<([u8; PROOF], ReplicaId), Unproved> {
        let answerer = introduced(answer)?;
        if introduced(greeting) == Ok(answerer) {
            return Err(Unproved::Own);
        }
        let (start, proof) = answer.split_at(ANSWER - PROOF);
        self.check(Role::Answerer, greeting, start, binding, proof)?;
        Ok((self.prove(Role::Dialler, greeting, start, binding), answerer))
    }

    /// Whether the dialler's proof is right.
    pub(crate) fn accept(
        &self,
        greeting: &[u8],
        answer: &[u8; ANSWER],
        binding: Binding,
        proof: &[u8; PROOF],
    ) -> Result<(), Unproved> {
        let start = answer.split_at(ANSWER - PROOF).0;
        self.check(Role::Dialler, greeting, start, binding, proof)
    }

    fn prove(&self, role: Role, greeting: &[u8], answer: &[u8], binding: Binding) -> [u8; PROOF] {
        let mut proof = [0; PROOF];
        if let Some(key) = self.0.first() {
            proof.copy_from_slice(sign(key, role, greeting, answer, binding).as_ref());
        }
        proof
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of what is signed")]
    fn check(
        &self,
        role: Role,
        greeting: &[u8],
        answer: &[u8],
        binding: Binding,
        proof: &[u8],
    ) -> Result<(), Unproved> {
        let is_proof = |key: &hmac::Key| {
            let expected = sign(key, role, greeting, answer, binding);
            bool::from(expected.as_ref().ct_eq(proof))
        };
        if self.0.iter().any(is_proof) { Ok(()) } else { Err(Unproved::Secret) }
    }
}

fn sign(
    key: &hmac::Key,
    role: Role,
    greeting: &[u8],
    answer: &[u8],
    binding: Binding,
) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(&[role as u8, u8::from(binding.is_some())]);
    context.update(&binding.unwrap_or_default());
    context.update(greeting);
    context.update(answer);
    context.sign()
}

/// The common beginning of both sides' messages.
fn introduce(words: &mut [u8], side: Side) {
    let (magic, rest) = words.split_at_mut(MAGIC.len());
    magic.copy_from_slice(&MAGIC);
    let (version, rest) = rest.split_at_mut(1);
    version.copy_from_slice(&[VERSION]);
    let (id, nonce) = rest.split_at_mut(REPLICA_ID);
    id.copy_from_slice(&side.id.0);
    nonce.copy_from_slice(&side.nonce);
}

fn introduced(words: &[u8]) -> Result<ReplicaId, Unproved> {
    let rest = words.strip_prefix(&MAGIC).ok_or(Unproved::Foreign)?;
    let (&version, rest) = rest.split_first().ok_or(Unproved::Foreign)?;
    if !(OLDEST..=VERSION).contains(&version) {
        return Err(Unproved::Version(version));
    }
    let id = rest.first_chunk::<REPLICA_ID>().ok_or(Unproved::Foreign)?;
    Ok(ReplicaId(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef";

    fn prover(secrets: &str) -> Prover {
        Prover::new(&Secrets::parse(secrets).unwrap())
    }

    fn side(number: u8) -> Side {
        Side { id: ReplicaId([number; REPLICA_ID]), nonce: [number; NONCE] }
    }

    fn reachable() -> Reachable {
        Reachable { port: 4711, address: Some("there:1".to_owned()) }
    }

    /// A whole handshake: both ids, and where the dialler can be reached.
    fn meet(
        dialler: &Prover,
        answerer: &Prover,
        bindings: [Binding; 2],
    ) -> Result<(ReplicaId, ReplicaId, Reachable), Unproved> {
        let greeting = Prover::greet(side(1), &reachable());
        let (answer, greeter, own) = answerer.answer(side(2), &greeting, bindings[1])?;
        let (proof, met) = dialler.confirm(&greeting, &answer, bindings[0])?;
        answerer.accept(&greeting, &answer, bindings[1], &proof)?;
        Ok((greeter, met, own))
    }

    #[test]
    fn two_who_know_the_secret_meet() {
        let (one, other) = (prover(SECRET), prover(SECRET));
        let met = || Ok((side(1).id, side(2).id, reachable()));
        assert_eq!(meet(&one, &other, [None, None]), met());
        assert_eq!(meet(&one, &other, [Some([7; NONCE]), Some([7; NONCE])]), met());
    }

    #[test]
    fn nobody_else_does() {
        let (one, other) = (prover(SECRET), prover("another secret of theirs"));
        assert_eq!(meet(&one, &other, [None, None]), Err(Unproved::Secret));
        assert_eq!(meet(&other, &one, [None, None]), Err(Unproved::Secret));
    }

    #[test]
    fn somebody_in_between_is_noticed() {
        let (one, other) = (prover(SECRET), prover(SECRET));
        let bindings = [Some([7; NONCE]), Some([8; NONCE])];
        assert_eq!(meet(&one, &other, bindings), Err(Unproved::Secret));
        assert_eq!(meet(&one, &other, [Some([0; NONCE]), None]), Err(Unproved::Secret));
    }

    #[test]
    fn an_answer_is_no_proof_of_the_dialler() {
        let answerer = prover(SECRET);
        let greeting = Prover::greet(side(1), &Reachable::default());
        let (answer, ..) = answerer.answer(side(2), &greeting, None).unwrap();
        let reflected = answer.last_chunk::<PROOF>().unwrap();
        assert_eq!(answerer.accept(&greeting, &answer, None, reflected), Err(Unproved::Secret));
    }

    #[test]
    fn a_secret_is_exchanged_in_two_steps() {
        let (old, both) = (prover(SECRET), prover("0123456789abcdef\nfedcba9876543210"));
        let (turned, new) =
            (prover("fedcba9876543210\n0123456789abcdef"), prover("fedcba9876543210"));
        for (one, other) in [(&old, &both), (&both, &turned), (&turned, &new)] {
            assert!(meet(one, other, [None, None]).is_ok());
            assert!(meet(other, one, [None, None]).is_ok());
        }
        assert!(meet(&old, &turned, [None, None]).is_err());
    }

    #[test]
    fn what_is_no_replica_is_named() {
        let one = prover(SECRET);
        let mut greeting = Prover::greet(side(1), &Reachable::default());
        let answered = |greeting: &[u8]| one.answer(side(2), greeting, None).map(|_| ());
        let (own, ..) = one.answer(side(1), &greeting, None).unwrap();
        assert_eq!(one.confirm(&greeting, &own, None).map(|_| ()), Err(Unproved::Own));
        greeting[4] = VERSION + 1;
        assert_eq!(answered(&greeting), Err(Unproved::Version(VERSION + 1)));
        greeting[..4].copy_from_slice(b"GET ");
        assert_eq!(answered(&greeting), Err(Unproved::Foreign));
    }
}

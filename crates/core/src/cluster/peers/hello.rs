//! The handshake of [`proof`](super::super::proof), over a connection.

use std::{io, time::Duration};

use ring::rand::{SecureRandom, SystemRandom};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::{
    super::{
        proof::{ANSWER, Binding, GREETING, NONCE, PROOF, Prover, Reachable, Side, Unproved},
        replica::ReplicaId,
    },
    secure::Wire,
};

/// Time limit for the whole handshake.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Tells the dialler that its proof was good.
const WELCOME: u8 = 1;

/// Why the handshake between two replicas failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unmet {
    #[error(transparent)]
    Unproved(#[from] Unproved),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it did not answer in time")]
    Silent,
}

/// A replica's identity, and how it proves that it is a replica of this proxy.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    pub(crate) id: ReplicaId,
    pub(crate) prover: Prover,
    pub(crate) reachable: Reachable,
}

impl Own {
    fn side(&self) -> io::Result<Side> {
        let mut nonce = [0; NONCE];
        let filled = SystemRandom::new().fill(&mut nonce);
        filled.map_err(|_| io::Error::other("the system provides no random numbers"))?;
        Ok(Side { id: self.id, nonce })
    }

    /// Speaks first; returns who has answered.
    pub(super) async fn meet(
        &self,
        wire: &mut dyn Wire,
        binding: Binding,
    ) -> Result<ReplicaId, Unmet> {
        let meeting = async {
            let greeting = Prover::greet(self.side()?, &self.reachable);
            wire.write_all(&greeting).await?;
            wire.flush().await?;
            let mut answer = [0; ANSWER];
            wire.read_exact(&mut answer).await?;
            let (proof, met) = self.prover.confirm(&greeting, &answer, binding)?;
            wire.write_all(&proof).await?;
            wire.flush().await?;
            // If the other end closes the connection here, it does not know the secret that signs.
            let welcome = wire.read_u8().await.map_err(|_| Unproved::Secret)?;
            if welcome == WELCOME { Ok(met) } else { Err(Unproved::Secret.into()) }
        };
        timeout(HELLO_TIMEOUT, meeting).await.unwrap_or(Err(Unmet::Silent))
    }

    /// Answers; returns who has spoken first, and where it can be dialled.
    pub(super) async fn be_met(
        &self,
        wire: &mut dyn Wire,
        binding: Binding,
    ) -> Result<(ReplicaId, Reachable), Unmet> {
        let meeting = async {
            let mut greeting = [0; GREETING];
            wire.read_exact(&mut greeting).await?;
            let mut address = vec![0; Prover::rest(&greeting)?];
            wire.read_exact(&mut address).await?;
            let greeting = [&greeting[..], &address].concat();
            let (answer, met, reachable) = self.prover.answer(self.side()?, &greeting, binding)?;
            wire.write_all(&answer).await?;
            wire.flush().await?;
            let mut proof = [0; PROOF];
            // If the other end closes the connection here, it did not accept the answer.
            wire.read_exact(&mut proof).await.map_err(|_| Unproved::Secret)?;
            self.prover.accept(&greeting, &answer, binding, &proof)?;
            wire.write_u8(WELCOME).await?;
            wire.flush().await?;
            Ok((met, reachable))
        };
        timeout(HELLO_TIMEOUT, meeting).await.unwrap_or(Err(Unmet::Silent))
    }
}

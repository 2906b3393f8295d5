//! The words of [`proof`](super::super::proof), said over a connection.

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

/// Time for all of it.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Says that the dialler's proof was good.
const WELCOME: u8 = 1;

/// Why two replicas have not met.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unmet {
    #[error(transparent)]
    Unproved(#[from] Unproved),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it did not answer in time")]
    Silent,
}

/// Who a replica is, and how it proves that it is one.
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

    /// Speaks first; who has answered.
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
            // A replica that ends the connection here does not know the secret that signs.
            let welcome = wire.read_u8().await.map_err(|_| Unproved::Secret)?;
            if welcome == WELCOME { Ok(met) } else { Err(Unproved::Secret.into()) }
        };
        timeout(HELLO_TIMEOUT, meeting).await.unwrap_or(Err(Unmet::Silent))
    }

    /// Answers; who has spoken first, and where it can be dialled.
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
            // Whoever ends the connection here has not believed the answer.
            wire.read_exact(&mut proof).await.map_err(|_| Unproved::Secret)?;
            self.prover.accept(&greeting, &answer, binding, &proof)?;
            wire.write_u8(WELCOME).await?;
            wire.flush().await?;
            Ok((met, reachable))
        };
        timeout(HELLO_TIMEOUT, meeting).await.unwrap_or(Err(Unmet::Silent))
    }
}
